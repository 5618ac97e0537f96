import { GatewayError } from '../core/errors';
import type { AdmissionPlan, PlannedLimit, Resource } from './admission-plan';
import type { Denied, Unavailable } from './store/rate-limit.store';

/** A limit is used up. The message names whose and which; after `retryAfterMs` the same call can succeed. */
export class RateLimitExceededError extends GatewayError {
  constructor(message: string, facts: Readonly<Record<string, unknown>>, retryAfterMs: number | null) {
    super(429, 'rate_limit_exceeded', 'rate_limit_error', message, {
      facts,
      ...(retryAfterMs === null ? { shouldRetry: false } : { retryAfterMs }),
    });
  }
}

/** The limits cannot be kept because their store is away, and so the call may not be made. */
export class RateLimitUnavailableError extends GatewayError {
  constructor({ reason, retryAfterMs }: Unavailable) {
    super(503, 'overloaded', 'overloaded_error', UNAVAILABLE[reason], { retryAfterMs, facts: { degraded: true } });
  }
}

const UNAVAILABLE: Readonly<Record<Unavailable['reason'], string>> = {
  denied_by_policy:
    'The store of the rate limits does not answer, and the gateway is set to refuse requests meanwhile. Try again shortly.',
  share_too_small:
    'The store of the rate limits does not answer, and the share of the limit that this replica may grant alone is smaller than this request. Try again shortly.',
};

const count = (value: number): string => value.toLocaleString('en-US');

/** The request needs more tokens than the limit has: waiting does not help. */
export function neverFits(plan: AdmissionPlan, { level, limit }: PlannedLimit): RateLimitExceededError {
  const { input, output, total } = plan.tokens ?? { input: 0, output: 0, total: 0 };
  return new RateLimitExceededError(
    `This request needs up to ${count(total)} tokens (about ${count(input)} of prompt and ${count(output)} of answer), but ${level.label} may use ${count(limit)} a minute, so it can never be admitted. Shorten the prompt, lower max_tokens, or ask your administrator for a higher limit.`,
    { ...factsOf({ level, resource: 'tokens', limit }), needed: total },
    null,
  );
}

export function exceeded(plan: AdmissionPlan, denied: Denied): RateLimitExceededError {
  const { of, index } = denied.short;
  const planned = of === 'slot' ? plan.slots[index]! : plan.counted[index]!;
  const remaining = of === 'slot' ? 0 : denied.counters[index]!.remaining;
  const facts = { ...factsOf(planned), remaining, ...(denied.degraded ? { degraded: true } : {}) };
  const wait = `Try again in ${seconds(denied.retryAfterMs)}.`;
  const alone = denied.degraded ? ' The store of the limits does not answer, so each replica grants its share.' : '';
  return new RateLimitExceededError(
    `Rate limit reached for ${planned.level.label}: ${whatRanOut(plan, planned, remaining)}.${alone} ${wait}`,
    facts,
    denied.retryAfterMs,
  );
}

function whatRanOut({ tokens }: AdmissionPlan, { resource, limit }: PlannedLimit, remaining: number): string {
  const what: Readonly<Record<Resource, string>> = {
    requests: `${count(limit)} requests per minute are used up`,
    tokens: `of ${count(limit)} tokens per minute ${count(remaining)} are left, and this request needs up to ${count(tokens?.total ?? 0)}`,
    concurrency: `${count(limit)} requests at the same time are running`,
  };
  return what[resource];
}

const factsOf = ({ level, resource, limit }: PlannedLimit): Record<string, unknown> => ({
  scope: level.scope,
  scope_id: level.id,
  resource,
  limit,
});

const seconds = (milliseconds: number): string => `${Math.max(0.001, milliseconds / 1000).toFixed(3)} s`;
