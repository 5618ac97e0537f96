/** One window that a call consumes from. `cost` and `limit` are whole numbers below 2^53. */
export interface WindowCounter {
  readonly key: string;
  /** Length of the window in milliseconds. No window of this length ever holds more than `limit`. */
  readonly windowMs: number;
  readonly limit: number;
  readonly cost: number;
}

/** A bound on how many calls run at the same time. */
export interface ConcurrencySlot {
  readonly key: string;
  readonly limit: number;
}

/** What one call needs, all of it or nothing. */
export interface Admission {
  readonly counters: readonly WindowCounter[];
  readonly slots: readonly ConcurrencySlot[];
}

export interface CounterState {
  readonly used: number;
  /** Never negative: a limit may have been lowered below the use. */
  readonly remaining: number;
  /** Milliseconds until the window is empty when nothing more is admitted; 0 when it is. */
  readonly resetMs: number;
}

export interface SlotState {
  /** Calls that hold the slot now; of a degraded store, those of this replica. */
  readonly used: number;
  /** Never negative: a bound may have been lowered below the use. */
  readonly remaining: number;
}

/** Proof of an admission: where its costs were written, so that they can be corrected, and which slots it holds. */
export interface Receipt {
  readonly counters: readonly WindowCounter[];
  /** The sub-bucket of each counter, in the same order. Empty when nothing was counted. */
  readonly buckets: readonly number[];
  readonly slots: readonly ConcurrencySlot[];
}

export interface Admitted {
  readonly kind: 'admitted';
  readonly receipt: Receipt;
  readonly counters: readonly CounterState[];
  /** In the order of the admission's slots, this call among those that hold them. */
  readonly slots: readonly SlotState[];
  /** True when the decision was taken without the shared store. */
  readonly degraded: boolean;
  /** True when this replica held permits for it: the store has counted it without being asked again. */
  readonly isByPermit?: true;
}

export interface Denied {
  readonly kind: 'denied';
  /** What is short: `index` into the admission's counters or slots. Of several, the one that takes longest. */
  readonly short: { readonly of: 'counter' | 'slot'; readonly index: number };
  readonly counters: readonly CounterState[];
  readonly slots: readonly SlotState[];
  /** After this many milliseconds the same call is admitted when nobody else takes the room; `Infinity` when it never is. */
  readonly retryAfterMs: number;
  readonly degraded: boolean;
}

/** The shared store does not answer and the policy forbids to go on without it. */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly reason: 'denied_by_policy' | 'share_too_small';
  readonly retryAfterMs: number;
}

export type AdmissionResult = Admitted | Denied | Unavailable;

export interface WindowName {
  readonly key: string;
  readonly windowMs: number;
}

/** What is used now, in the order that was asked for. */
export interface UsageSnapshot {
  readonly windows: readonly { readonly used: number; readonly resetMs: number }[];
  readonly slots: readonly number[];
  readonly degraded: boolean;
}

/** How long a call without a free slot is told to wait: when one is free nobody knows. */
export const SLOT_RETRY_MS = 1000;

/**
 * Counts what was admitted in sliding windows. In any window of `windowMs` the admitted costs of a key never exceed its
 * limit, whoever asked; an admission counts for `windowMs` to `windowMs * 61 / 60`. A denied call consumes nothing.
 */
export abstract class RateLimitStore {
  /** Takes every cost and every slot, or nothing. Does not reject: without a shared store the policy decides. */
  abstract admit(admission: Admission): Promise<AdmissionResult>;

  /**
   * Corrects what an admission took: `adjustments[i]` (actual minus reserved) goes into the bucket that counter `i` was
   * counted in, or nowhere when it has left the window. Call it at most once for a receipt.
   */
  abstract settle(receipt: Receipt, adjustments: readonly number[]): void;

  /** Gives the slots of a receipt back. Call it exactly once. */
  abstract release(receipt: Receipt): void;

  abstract usage(windows: readonly WindowName[], slots: readonly string[]): Promise<UsageSnapshot>;

  /** True while decisions are taken without the shared store. */
  abstract get degraded(): boolean;
}
