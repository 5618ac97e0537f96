import { Pool } from 'undici';
import type { Cancellable } from '../../core/cancel-signal';
import { UpstreamError } from '../../core/errors';
import { isIP } from 'node:net';
import { BlockedAddressError, guardedLookup, isBlockedAddress } from '../../platform/http/address-guard';
import { outboundHeaders } from './outbound-headers';
import { UpstreamExchange, type PhaseTimeouts } from './upstream-exchange';

export interface UpstreamClientOptions {
  readonly provider: string;
  readonly baseUrl: string;
  readonly allowPrivateNetwork: boolean;
  readonly connectTimeoutMs: number;
  readonly maxConcurrency: number;
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  /** Absolute URL on the client's own origin. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | null;
  readonly signal: Cancellable;
  readonly timeouts: PhaseTimeouts;
}

/** Idle connections are kept this long unless the provider says otherwise. */
const KEEP_ALIVE_MS = 30_000;
const MAX_KNOWN_PATHS = 32;

/**
 * The only way out: every byte to a provider goes through here, over one connection pool bound to the origin the
 * operator configured. Redirects are not followed, and an address outside the public network is refused at connect time
 * unless the operator allowed it.
 */
export class UpstreamClient {
  private readonly pool: Pool;
  private readonly origin: string;
  private readonly paths = new Map<string, string>();
  private inFlight = 0;

  constructor(private readonly options: UpstreamClientOptions) {
    const url = new URL(options.baseUrl);
    this.origin = url.origin;
    this.pool = new Pool(url.origin, {
      connections: options.maxConcurrency,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Phases are timed by the exchange, to the millisecond; undici's own timers are coarse.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: options.connectTimeoutMs,
        ...(options.allowPrivateNetwork ? {} : { lookup: guardedLookup }),
      },
    });
  }

  get activeCalls(): number {
    return this.inFlight;
  }

  /** Starts a call. Throws `UpstreamError` at once when the provider is at its concurrency limit. */
  start(request: UpstreamRequest): UpstreamExchange {
    const { provider, maxConcurrency } = this.options;
    if (this.inFlight >= maxConcurrency) {
      throw new UpstreamError(
        provider,
        'unavailable',
        `Provider "${provider}" is at its limit of ${maxConcurrency} calls`,
        {
          reason: 'saturated',
        },
      );
    }
    const path = this.pathOf(request.url);
    this.inFlight += 1;
    const exchange = new UpstreamExchange(provider, request.timeouts, request.signal, () => (this.inFlight -= 1));
    if (request.signal.aborted) return exchange;
    this.pool.dispatch(
      {
        path,
        method: request.method,
        headers: outboundHeaders(request.headers),
        body: request.body,
      },
      exchange,
    );
    return exchange;
  }

  /** Lets running calls finish, then closes the connections. */
  async close(): Promise<void> {
    await this.pool.close();
  }

  /** The path of a URL that may be called. A provider has a handful of routes, so each is checked once. */
  private pathOf(url: string): string {
    const known = this.paths.get(url);
    if (known !== undefined) return known;
    const parsed = new URL(url);
    this.checkDestination(parsed);
    const path = parsed.pathname + parsed.search;
    if (this.paths.size < MAX_KNOWN_PATHS) this.paths.set(url, path);
    return path;
  }

  /** A literal address never reaches the lookup, so it is checked here. */
  private checkDestination(url: URL): void {
    const { provider, allowPrivateNetwork } = this.options;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const isBlocked = !allowPrivateNetwork && isIP(host) !== 0 && isBlockedAddress(host);
    if (url.origin === this.origin && !isBlocked) return;
    const cause = new BlockedAddressError(host);
    throw new UpstreamError(provider, 'misconfigured', `Provider "${provider}" may not be called at this address`, {
      reason: 'blocked_address',
      cause,
    });
  }
}
