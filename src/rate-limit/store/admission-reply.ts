import { SLOT_RETRY_MS, type Admission, type CounterState, type Denied, type SlotState } from './rate-limit.store';
import { bucketOf, expiryOf } from './window-ring';

/** What the script answered to one admission. */
export interface AdmissionReply {
  readonly kind: 'admitted' | 'denied' | 'recovering';
  /** What each window holds now. */
  readonly sums: readonly number[];
  /** The bucket each window is in now: where an admission was counted. */
  readonly buckets: readonly number[];
  readonly states: readonly CounterState[];
  /** How many calls hold each slot now. */
  readonly slots: readonly SlotState[];
  readonly short: Denied['short'];
  readonly retryAfterMs: number;
}

const KINDS: readonly AdmissionReply['kind'][] = ['denied', 'admitted', 'recovering'];
/** Where the pairs of sum and bucket begin. */
const FIRST_PAIR = { admitted: 1, denied: 3, recovering: 2 } as const;

export function decodeAdmission(
  { counters, slots }: Admission,
  figures: readonly number[],
  instantMs: number,
): AdmissionReply {
  const kind = KINDS[figures[0] ?? 0] ?? 'denied';
  const first = FIRST_PAIR[kind];
  const sums = counters.map((_, index) => figures[first + index * 2] ?? 0);
  return {
    kind,
    sums,
    buckets: counters.map(({ windowMs }) => bucketOf(instantMs, windowMs)),
    states: counters.map(({ limit, windowMs }, index) => ({
      used: sums[index]!,
      remaining: Math.max(0, limit - sums[index]!),
      resetMs: resetOf(figures[first + index * 2 + 1] ?? -1, windowMs, instantMs),
    })),
    slots: slots.map(({ limit }, index) => slotState(figures[first + counters.length * 2 + index] ?? 0, limit)),
    short: shortOf(kind === 'denied' ? (figures[1] ?? 1) : 1, counters.length),
    retryAfterMs: retryOf(kind, figures),
  };
}

export const slotState = (used: number, limit: number): SlotState => ({ used, remaining: Math.max(0, limit - used) });

/** Milliseconds until a window that was last counted in `lastBucket` is empty. */
export const resetOf = (lastBucket: number, windowMs: number, nowMs: number): number =>
  lastBucket < 0 ? 0 : Math.max(0, expiryOf(lastBucket, windowMs) - nowMs);

/** Lua counts from one, first the counters and then the slots. */
const shortOf = (position: number, counters: number): Denied['short'] =>
  position <= counters ? { of: 'counter', index: position - 1 } : { of: 'slot', index: position - 1 - counters };

function retryOf(kind: AdmissionReply['kind'], figures: readonly number[]): number {
  const retryMs = kind === 'denied' ? (figures[2] ?? SLOT_RETRY_MS) : 0;
  return retryMs < 0 ? Infinity : retryMs;
}
