import type { IncomingMessage } from 'node:http';

/** Header names of which a second one changes who is believed or where a message ends; Node itself refuses the others. */
const SINGLE_HEADERS = new Set(['host', 'authorization', 'content-length', 'content-type']);

/** The reason to refuse a request that Node's parser lets through and that proxies read differently; null when it is fine. */
export function refusalOf(request: IncomingMessage): string | null {
  const url = request.url ?? '';
  if (!url.startsWith('/'))
    return 'The request target must be a path: absolute-form and authority-form are not accepted.';
  const seen = new Set<string>();
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!.toLowerCase();
    if (!SINGLE_HEADERS.has(name)) continue;
    if (seen.has(name)) return `The request has more than one "${name}" header.`;
    seen.add(name);
  }
  if (!seen.has('host') && request.httpVersion === '1.1') return 'The request has no "host" header.';
  return null;
}
