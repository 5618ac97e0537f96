import type { Period } from './period';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface Range {
  readonly label: string;
  readonly lengthMs: number;
  readonly bucketMs: number;
}

export const RANGES = {
  '1h': { label: 'Last hour', lengthMs: HOUR_MS, bucketMs: 2 * MINUTE_MS },
  '24h': { label: 'Last 24 hours', lengthMs: DAY_MS, bucketMs: HOUR_MS },
  '7d': { label: 'Last 7 days', lengthMs: 7 * DAY_MS, bucketMs: 6 * HOUR_MS },
  '30d': { label: 'Last 30 days', lengthMs: 30 * DAY_MS, bucketMs: DAY_MS },
  '90d': { label: 'Last 90 days', lengthMs: 90 * DAY_MS, bucketMs: 2 * DAY_MS },
} as const satisfies Record<string, Range>;
export type RangeName = keyof typeof RANGES;

export const rangeOf = (text: string | undefined): RangeName =>
  text !== undefined && Object.hasOwn(RANGES, text) ? (text as RangeName) : '24h';

/** The period up to now, whole buckets only, and the one of the same length before it. */
export function periodsOf(name: RangeName, nowMs: number): { readonly now: Period; readonly before: Period } {
  const { lengthMs, bucketMs } = RANGES[name];
  const to = (Math.floor(nowMs / bucketMs) + 1) * bucketMs;
  const from = to - lengthMs;
  // The last bucket is not over: the period before ends at the same point of its own last bucket.
  const cut = nowMs - lengthMs;
  return {
    now: { from: new Date(from), to: new Date(to) },
    before: { from: new Date(from - lengthMs), to: new Date(cut) },
  };
}
