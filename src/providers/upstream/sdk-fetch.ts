import { CancelSignal } from '../../core/cancel-signal';
import { UpstreamError } from '../../core/errors';
import type { UpstreamClient } from './upstream-client';
import type { PhaseTimeouts, UpstreamExchange, UpstreamHead } from './upstream-exchange';

/** An error body larger than this is not read by the SDK. */
const SDK_BODY_LIMIT_BYTES = 67_108_864;

/**
 * What the official SDKs read of a `Response`, over our own exchange: the same SDK at a third of the CPU, because no web
 * stream and no `Headers` object is built. `exchange` is the raw answer for our own readers.
 */
export class SdkResponse {
  /**
   * Always true: an error answer must come back from `asResponse()` instead of being turned into the SDK's own error,
   * which would lose its bytes. The status is checked by our reader.
   */
  readonly ok = true;
  readonly status: number;
  readonly statusText = '';
  readonly redirected = false;
  readonly type = 'basic';
  readonly headers: SdkHeaders;
  readonly body: AsyncIterable<Buffer> & { cancel(): Promise<void> };

  constructor(
    readonly url: string,
    readonly head: UpstreamHead,
    readonly exchange: UpstreamExchange,
  ) {
    this.status = head.status;
    this.headers = new SdkHeaders(head.headers);
    this.body = {
      [Symbol.asyncIterator]: () => exchange.chunks(),
      cancel: () => Promise.resolve(exchange.abort()),
    };
  }

  async text(): Promise<string> {
    return (await this.exchange.bytes(SDK_BODY_LIMIT_BYTES)).toString('utf8');
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Uint8Array(await this.exchange.bytes(SDK_BODY_LIMIT_BYTES)).buffer;
  }
}

class SdkHeaders {
  constructor(private readonly source: UpstreamHead['headers']) {}

  get(name: string): string | null {
    const value = this.source[name.toLowerCase()];
    if (value === undefined) return null;
    return Array.isArray(value) ? value.join(', ') : value;
  }

  has(name: string): boolean {
    return this.source[name.toLowerCase()] !== undefined;
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of Object.keys(this.source)) yield [name, this.get(name) ?? ''];
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  forEach(visit: (value: string, name: string) => void): void {
    for (const [name, value] of this) visit(value, name);
  }
}

interface SdkRequestInit {
  readonly method?: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null;
}

/** A `fetch` for an official SDK whose every call goes through `client`. The SDK's type of it is wider than what it uses. */
export function sdkFetch(client: UpstreamClient, timeouts: PhaseTimeouts): typeof globalThis.fetch {
  const call = async (input: unknown, init: SdkRequestInit = {}): Promise<SdkResponse> => {
    const url = String(input);
    const exchange = client.start({
      method: init.method?.toUpperCase() === 'GET' ? 'GET' : 'POST',
      url,
      headers: plainHeaders(init.headers),
      body: typeof init.body === 'string' || Buffer.isBuffer(init.body) ? init.body : null,
      signal: init.signal ?? new CancelSignal(),
      timeouts,
    });
    return new SdkResponse(url, await exchange.head, exchange);
  };
  return call as unknown as typeof globalThis.fetch;
}

function plainHeaders(headers: unknown): Record<string, string> {
  const plain: Record<string, string> = {};
  if (headers instanceof Headers) headers.forEach((value, name) => (plain[name] = value));
  else if (typeof headers === 'object' && headers !== null) Object.assign(plain, headers);
  return plain;
}

/**
 * Runs an SDK call made with `asResponse()` over {@link sdkFetch} and gives its exchange, whatever its status: an error
 * answer is read by us, so that its bytes are kept. What the SDK wraps is unwrapped.
 */
export async function sdkExchange(provider: string, send: () => PromiseLike<unknown>): Promise<UpstreamExchange> {
  try {
    const response = await send();
    if (response instanceof SdkResponse) return response.exchange;
    throw new Error('the SDK did not use the fetch it was given');
  } catch (error) {
    throw unwrap(provider, error);
  }
}

function unwrap(provider: string, error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof UpstreamError) return cause;
  if (error instanceof UpstreamError) return error;
  const name = error instanceof Error ? error.constructor.name : '';
  if (name === 'APIUserAbortError') {
    return new UpstreamError(provider, 'cancelled', 'The call was cancelled', { reason: 'cancelled', cause: error });
  }
  if (name === 'APIConnectionTimeoutError') {
    const text = `Provider "${provider}" did not answer in time`;
    return new UpstreamError(provider, 'timeout', text, { reason: 'total_timeout', cause: error });
  }
  return error;
}
