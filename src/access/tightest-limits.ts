import type { Limits } from '../core/context';

const FIELDS = ['requestsPerMinute', 'tokensPerMinute', 'maxConcurrency'] as const;

/** Of two sets of limits the lower of each kind; null when neither has any. */
export function tightestLimits(one: Limits | null, other: Limits | null): Limits | null {
  if (one === null || other === null) return one ?? other;
  const tightest: { -readonly [Field in keyof Limits]: Limits[Field] } = {};
  for (const field of FIELDS) {
    const values = [one[field], other[field]].filter((value) => value !== undefined);
    if (values.length > 0) tightest[field] = Math.min(...values);
  }
  return tightest;
}
