import { Agent, request } from 'undici';

/** A new connection for each call: leaving one call disturbs no other. */
const dispatcher = new Agent({ pipelining: 0, headersTimeout: 60_000, bodyTimeout: 60_000 });

export interface Posted {
  /** 0: there was no answer. */
  readonly status: number;
  readonly text: string;
}

/** Posts JSON. The client leaves when it has read so many bytes, or after a time without an answer; whatever breaks is no error. */
export async function post(
  url: string,
  headers: Record<string, string>,
  body: object,
  leave: { readonly afterBytes?: number; readonly afterMs?: number } = {},
): Promise<Posted> {
  let status = 0;
  let text = '';
  try {
    const signal = leave.afterMs === undefined ? {} : { signal: AbortSignal.timeout(leave.afterMs) };
    const response = await request(url, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      ...signal,
    });
    for await (const bytes of response.body) {
      text += String(bytes);
      // Leaving the loop ends the connection.
      if (text.length >= (leave.afterBytes ?? Infinity)) break;
    }
    status = response.statusCode;
  } catch {
    // A gateway that is killed breaks its connections.
  }
  return { status, text };
}
