import type { IncomingHttpHeaders } from 'node:http';
import { InvalidRequestError } from '../core/errors';

/** What a caller asks of the cache. */
export interface CacheControls {
  /** `no-cache`: the answer must be a new one; it is stored in the place of an older one. */
  readonly noCache: boolean;
  /** `no-store`: nothing of the request is kept, and nothing that was kept is used. */
  readonly noStore: boolean;
  /** The greatest age of an answer, in seconds; null for any. */
  readonly maxAgeSeconds: number | null;
  /** `stale-if-error=N`: how long past its time an answer may be that stands in for failed providers; null for the configured time. */
  readonly staleIfErrorSeconds: number | null;
  /** `only-if-cached`: rather an error than a new answer. */
  readonly onlyIfCached: boolean;
  /** The least similarity; null for the configured one. */
  readonly threshold: number | null;
  /** `x-gateway-fallback: off`: an answer of another target will not do either. */
  readonly noFallback: boolean;
}

const THRESHOLD_HEADER = 'x-gateway-cache-threshold';

/** Reads the headers. Directives that are not known are passed over, as HTTP wants it; a threshold that is none is refused. */
export function readCacheControls(headers: IncomingHttpHeaders): CacheControls {
  const directives = (headers['cache-control'] ?? '').split(',').map((directive) => directive.trim().toLowerCase());
  return {
    // HTTP/1.0's word for the same, heeded only where there is no other.
    noCache:
      directives.includes('no-cache') || (headers['cache-control'] === undefined && headers.pragma === 'no-cache'),
    noStore: directives.includes('no-store'),
    maxAgeSeconds: secondsOf(directives, 'max-age'),
    staleIfErrorSeconds: secondsOf(directives, 'stale-if-error'),
    onlyIfCached: directives.includes('only-if-cached'),
    threshold: thresholdOf(headers[THRESHOLD_HEADER]),
    noFallback: headers['x-gateway-fallback'] === 'off',
  };
}

/** The number of a directive such as `max-age=60`. */
function secondsOf(directives: readonly string[], name: string): number | null {
  const prefix = `${name}=`;
  const value = directives.find((directive) => directive.startsWith(prefix))?.slice(prefix.length);
  const digits = /^"?(\d{1,10})"?$/.exec(value ?? '')?.[1];
  return digits === undefined ? null : Number(digits);
}

function thresholdOf(header: string | string[] | undefined): number | null {
  if (header === undefined) return null;
  const text = String(header).trim();
  const threshold = Number(text);
  if (/^[01]?(\.\d+)?$/.test(text) && text !== '' && threshold >= 0 && threshold <= 1) return threshold;
  throw new InvalidRequestError(
    `The header ${THRESHOLD_HEADER} must be a number from 0 to 1; it may raise the configured threshold, never lower it.`,
    THRESHOLD_HEADER,
  );
}
