import { InvalidRequestError } from '../../../core/errors';
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

const rangeOf = (text: string | undefined): RangeName =>
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

/** What a page is about: a range up to now, or days that somebody chose. */
export interface Chosen {
  /** Null: own days. */
  readonly range: RangeName | null;
  readonly label: string;
  readonly bucketMs: number;
  readonly now: Period;
  readonly before: Period;
  /** The address of the same again. */
  readonly query: Readonly<Record<string, string>>;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** More than a chart can show; the usage page has reports of any length. */
const MAX_DAYS = 366;

export interface WantedRange {
  readonly range: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Both days are meant whole. Throws `InvalidRequestError` for days that are none, or in the wrong order. */
export function chosenRange({ range, from, to }: WantedRange, nowMs: number): Chosen {
  if (from === undefined && to === undefined) {
    const name = rangeOf(range);
    const { label, bucketMs } = RANGES[name];
    return { range: name, label, bucketMs, ...periodsOf(name, nowMs), query: { range: name } };
  }
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const query = { from: from ?? to ?? today, to: to ?? today };
  const [fromMs, toMs] = [startOf(query.from, 'from'), startOf(query.to, 'to') + DAY_MS];
  if (fromMs >= toMs) throw new InvalidRequestError('The first day must not be after the last.', 'from');
  const lengthMs = toMs - fromMs;
  if (lengthMs > MAX_DAYS * DAY_MS) {
    throw new InvalidRequestError(`At most ${MAX_DAYS} days fit here; the usage page has longer reports.`, 'from');
  }
  return {
    range: null,
    label: query.from === query.to ? query.from : `${query.from} to ${query.to}`,
    bucketMs: bucketOf(lengthMs),
    now: { from: new Date(fromMs), to: new Date(toMs) },
    // Of a day that is not over yet, the period before is cut at the same point.
    before: {
      from: new Date(fromMs - lengthMs),
      to: new Date(Math.max(fromMs - lengthMs + 1, Math.min(toMs, nowMs) - lengthMs)),
    },
    query,
  };
}

function startOf(day: string, param: string): number {
  const startMs = DAY.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  if (new Date(startMs).getTime() === startMs && new Date(startMs).toISOString().startsWith(day)) return startMs;
  throw new InvalidRequestError('Write a day such as 2026-11-28.', param);
}

function bucketOf(lengthMs: number): number {
  if (lengthMs <= 2 * DAY_MS) return HOUR_MS;
  return lengthMs <= 14 * DAY_MS ? 6 * HOUR_MS : DAY_MS;
}
