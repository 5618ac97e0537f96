import type { UpstreamHead } from './upstream-exchange';

/** A longer wait than this is no wait but an outage; callers fall back instead. */
const MAX_RETRY_AFTER_MS = 86_400_000;

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/**
 * The wait a provider asks for: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date. Junk and negative
 * values are as good as none. Only meaningful on 429 and 5xx: Anthropic sends the header on successes as well.
 */
export function retryAfterMs(headers: UpstreamHead['headers'], nowMs: number): number | undefined {
  const milliseconds = first(headers['retry-after-ms'])?.trim();
  if (milliseconds !== undefined && /^\d+(\.\d+)?$/.test(milliseconds)) return bounded(Number(milliseconds));
  const text = first(headers['retry-after'])?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1000);
  const date = /[a-z]/i.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(date) ? undefined : bounded(Math.max(0, date - nowMs));
}

const bounded = (milliseconds: number): number => Math.min(Math.ceil(milliseconds), MAX_RETRY_AFTER_MS);
