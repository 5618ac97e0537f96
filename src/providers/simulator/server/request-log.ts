/** One request as it arrived. */
export interface LogEntry {
  readonly callId: string;
  readonly at: string;
  readonly method: string;
  readonly url: string;
  readonly prefix: string;
  readonly path: string;
  /** Lower-case names; secrets are masked but for their last four characters. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, the text when it is not JSON, or a note when it was too large to keep. */
  readonly body: unknown;
}

export interface ArrivedRequest extends Omit<LogEntry, 'headers' | 'body'> {
  readonly rawHeaders: readonly string[];
}

const MOST_REQUESTS = 1_000;
const MOST_BODY_BYTES = 1_048_576;
const MOST_BYTES = 64 * 1_048_576;
const SECRETS = new Set(['authorization', 'x-api-key', 'api-key', 'cookie', 'proxy-authorization']);

interface Kept {
  readonly request: ArrivedRequest;
  readonly body: Buffer | null;
  readonly bodyBytes: number;
}

/** The last thousand requests, so that a test can see what arrived. Bodies together take at most 64 MiB. */
export class RequestLog {
  private kept: Kept[] = [];
  private first = 0;
  private bytes = 0;

  add(request: ArrivedRequest, body: Buffer): void {
    const keeps = body.length <= MOST_BODY_BYTES;
    this.kept.push({ request, body: keeps ? body : null, bodyBytes: body.length });
    this.bytes += keeps ? body.length : 0;
    while (this.kept.length - this.first > MOST_REQUESTS || this.bytes > MOST_BYTES) this.dropFirst();
  }

  entries(): readonly LogEntry[] {
    return this.kept.slice(this.first).map(({ request, body, bodyBytes }) => {
      const { rawHeaders, ...fields } = request;
      return { ...fields, headers: maskedHeaders(rawHeaders), body: readBody(body, bodyBytes) };
    });
  }

  clear(): void {
    this.kept = [];
    this.first = 0;
    this.bytes = 0;
  }

  private dropFirst(): void {
    this.bytes -= this.kept[this.first]?.body?.length ?? 0;
    this.first += 1;
    if (this.first < MOST_REQUESTS) return;
    this.kept = this.kept.slice(this.first);
    this.first = 0;
  }
}

function readBody(body: Buffer | null, bodyBytes: number): unknown {
  if (body === null) return `(${bodyBytes} bytes, not kept)`;
  const text = body.toString('utf8');
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function maskedHeaders(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    const value = raw[index + 1] ?? '';
    const shown = SECRETS.has(name) ? `***${value.length > 12 ? value.slice(-4) : ''}` : value;
    headers[name] = name in headers ? `${headers[name]}, ${shown}` : shown;
  }
  return headers;
}
