import type { UpstreamError } from '../core/errors';
import type { BreakerResult } from './breaker';

/** An account without money or a target that named no wait: left alone so long at the most. */
const MAX_CHOSEN_MS = 60_000;
const FIRST_CHOSEN_MS = 1_000;

/** Failures a second call of the same target may cure. Phases after the first byte are not among them. */
const RETRYABLE_TIMEOUTS = new Set(['connect_timeout', 'first_byte_timeout', 'http_408', 'http_504', 'stream_error']);
/** A 429 that no wait cures. */
const LASTING_LIMITS = new Set(['insufficient_quota', 'request_too_large']);

/** Whether the same target may be asked the same again. */
export function mayRetry(error: UpstreamError): boolean {
  if (error.shouldRetry === false) return false;
  if (error.failure === 'unavailable') return true;
  if (error.failure === 'timeout') return RETRYABLE_TIMEOUTS.has(error.reason);
  return error.failure === 'rate_limited' && !LASTING_LIMITS.has(error.reason);
}

/** Which rejections another target may take after all. */
export interface RejectionPolicy {
  readonly context_window: 'fallback' | 'error';
  readonly content_policy: 'fallback' | 'error';
}

/** The caller's own fault stays the caller's; everything else another target may do better. */
export function mayFallBack(error: UpstreamError, policy: RejectionPolicy): boolean {
  if (error.failure !== 'rejected') return error.failure !== 'cancelled';
  if (error.reason === 'context_length') return policy.context_window === 'fallback';
  return error.reason === 'content_filter' && policy.content_policy === 'fallback';
}

/** What a failure says about the target's health. A rejection is an answer; a 429 is a cooldown, not a failure. */
export function verdictOf(error: UpstreamError, isCallersBound: boolean): BreakerResult {
  if (error.failure === 'rejected') return 'success';
  if (error.failure === 'rate_limited' || error.failure === 'cancelled') return 'neutral';
  // Our own limits, of concurrency and of the caller's patience, are not the provider's fault.
  if (error.reason === 'saturated' || (isCallersBound && error.reason === 'total_timeout')) return 'neutral';
  return 'failure';
}

export interface Hold {
  readonly kind: 'asked' | 'chosen';
  readonly forMs: number;
}

/**
 * For how long the quota domain is left alone. What the provider asks for holds to the millisecond, on 429 and 5xx only
 * (the reader of the header sees to that). A 429 without a wait doubles from one second to sixty; an account without
 * money is looked at again each minute.
 */
export function holdAfter(error: UpstreamError, limitedInARow: number): Hold | null {
  if (error.retryAfterMs !== undefined && error.retryAfterMs > 0) return { kind: 'asked', forMs: error.retryAfterMs };
  if (error.failure !== 'rate_limited' || error.reason === 'request_too_large') return null;
  if (error.reason === 'insufficient_quota') return { kind: 'chosen', forMs: MAX_CHOSEN_MS };
  const doubled = FIRST_CHOSEN_MS * 2 ** Math.min(10, Math.max(0, limitedInARow - 1));
  return { kind: 'chosen', forMs: Math.min(MAX_CHOSEN_MS, doubled) };
}
