import type {
  Admission,
  AdmissionResult,
  ConcurrencySlot,
  CounterState,
  Denied,
  Receipt,
  SlotState,
  WindowCounter,
} from './rate-limit.store';
import { SLOT_RETRY_MS } from './rate-limit.store';
import { ShareWindow } from './share-window';
import { SlotShares } from './slot-shares';
import { WindowMap } from './window-map';
import { bucketOf } from './window-ring';

/** What was admitted in one bucket of one window. */
export interface BucketCount {
  readonly key: string;
  readonly windowMs: number;
  readonly bucket: number;
  readonly count: number;
}

/**
 * A replica's own books: everything it admitted, so that the store's windows can be restored when it lost them, and so
 * that it can grant its part of the limits while the store does not answer.
 */
export class LocalWindows {
  private readonly windows: WindowMap<ShareWindow>;
  private readonly withPending = new Set<string>();
  /** Told to the store during a recovery, which is over within seconds. */
  private readonly inRecovery: BucketCount[] = [];
  private readonly shares = new SlotShares();
  /** Calls of this replica that run, by slot. */
  readonly held = new Map<string, number>();

  constructor(maxKeys?: number) {
    this.windows = new WindowMap((windowMs) => new ShareWindow(windowMs), maxKeys);
  }

  /** The store has admitted `counter` into `bucket`, and its window holds `sum` now. */
  record(counter: WindowCounter, bucket: number, sum: number, nowMs: number): void {
    const window = this.windows.open(counter.key, counter.windowMs, nowMs);
    window.own.add(bucket, counter.cost);
    window.observe(sum, nowMs);
  }

  /** The store has given permits, which count as admitted until they are given back; others may hold up to `unseen` more. */
  recordPermits(permits: WindowCounter, bucket: number, sum: number, nowMs: number, unseen: number): void {
    this.record(permits, bucket, sum, nowMs);
    this.windows.get(permits.key)?.overlook(unseen, nowMs);
  }

  /** The store has decided: so many calls hold the slot now, those of this replica included. */
  observeSlot(key: string, running: number, nowMs: number): void {
    this.shares.observe(key, running, this.held.get(key) ?? 0, nowMs);
  }

  /** The store has refused: its window holds `sum` now. */
  observe(counter: WindowCounter, sum: number, nowMs: number): void {
    this.windows.open(counter.key, counter.windowMs, nowMs).observe(sum, nowMs);
  }

  /**
   * Decides without the store: this replica is one of `members` that share each limit.
   * @param latestMs the store's time at the latest: an admission is counted there, and leaves its window not too early.
   */
  admit(admission: Admission, members: number, nowMs: number, latestMs = nowMs): AdmissionResult {
    const { counters, slots } = admission;
    const shortage = this.findShortage(admission, members, nowMs);
    const states = counters.map((counter) => this.stateOf(counter, members, nowMs));
    if (shortage) {
      if (shortage.retryAfterMs === Infinity) {
        return { kind: 'unavailable', reason: 'share_too_small', retryAfterMs: SLOT_RETRY_MS };
      }
      return {
        kind: 'denied',
        ...shortage,
        counters: states,
        slots: this.slotsOf(slots, members, nowMs),
        degraded: true,
      };
    }
    const buckets = counters.map((counter) => this.addPending(counter, nowMs, latestMs));
    for (const { key } of slots) this.hold(key);
    const after = counters.map((counter) => this.stateOf(counter, members, nowMs));
    const running = this.slotsOf(slots, members, nowMs);
    return { kind: 'admitted', receipt: { counters, buckets, slots }, counters: after, slots: running, degraded: true };
  }

  /**
   * Corrects the books. Returns the part that the store has to be told; what concerns a call that it has not heard of
   * stays here.
   */
  correct(key: string, bucket: number, delta: number, nowMs: number): number {
    const window = this.windows.get(key);
    if (!window) return delta;
    window.own.adjust(bucket, delta, nowMs);
    return delta < 0 ? delta - window.pending.add(bucket, delta) : delta;
  }

  /** The store has to be told of this some time: it was used, and is in the books. */
  owe({ key, windowMs, bucket, count }: BucketCount, nowMs: number): void {
    this.windows.open(key, windowMs, nowMs).pending.adjust(bucket, count, nowMs);
    this.withPending.add(key);
  }

  /** Takes up to `max` counts that the store has not heard of. End with `heard` or `unheard`. */
  takePending(max: number): BucketCount[] {
    const taken: BucketCount[] = [];
    for (const key of this.withPending) {
      if (taken.length >= max) break;
      this.withPending.delete(key);
      const window = this.windows.get(key);
      if (!window) continue;
      for (const [bucket, count] of window.pending.entries()) {
        taken.push({ key, windowMs: window.windowMs, bucket, count });
        window.pending.add(bucket, -count);
        window.sent.add(bucket, count);
      }
    }
    return taken;
  }

  /** What was taken and is neither `heard` nor `unheard` yet. */
  onTheWay(): BucketCount[] {
    return [...this.windows.entries()].flatMap(([key, { sent, windowMs }]) =>
      [...sent.entries()].map(([bucket, count]) => ({ key, windowMs, bucket, count })),
    );
  }

  /**
   * What was taken has arrived. While the windows are being recovered it goes on counting as this replica's share: else each
   * arrival would make room for a share of what is left.
   */
  heard(counts: readonly BucketCount[], isRecovering: boolean): void {
    if (isRecovering) {
      this.inRecovery.push(...counts);
      return;
    }
    this.forget(counts);
    if (this.inRecovery.length > 0) this.forget(this.inRecovery.splice(0));
  }

  /** What was taken did not arrive, or may not have. */
  unheard(counts: readonly BucketCount[], nowMs: number): void {
    this.forget(counts);
    for (const count of counts) this.owe(count, nowMs);
  }

  /** Everything this replica admitted that still counts: for a store that has lost it. */
  all(nowMs: number): BucketCount[] {
    const all: BucketCount[] = [];
    for (const [key, window] of this.windows.entries()) {
      if (window.own.sum(nowMs) === 0) continue;
      for (const [bucket, count] of window.own.entries()) all.push({ key, windowMs: window.windowMs, bucket, count });
    }
    return all;
  }

  hold(key: string): void {
    this.held.set(key, (this.held.get(key) ?? 0) + 1);
  }

  release(receipt: Receipt): void {
    for (const { key } of receipt.slots) {
      const held = (this.held.get(key) ?? 0) - 1;
      if (held > 0) this.held.set(key, held);
      else this.held.delete(key);
    }
  }

  used(key: string, nowMs: number): { used: number; resetMs: number } {
    const window = this.windows.get(key);
    return { used: window?.sum(nowMs) ?? 0, resetMs: window?.resetMs(nowMs) ?? 0 };
  }

  private forget(counts: readonly BucketCount[]): void {
    for (const { key, bucket, count } of counts) this.windows.get(key)?.sent.add(bucket, -count);
  }

  private findShortage(
    { counters, slots }: Admission,
    members: number,
    nowMs: number,
  ): Pick<Denied, 'short' | 'retryAfterMs'> | null {
    let short: Denied['short'] | null = null;
    let retryAfterMs = -1;
    for (const [index, { key, windowMs, limit, cost }] of counters.entries()) {
      const window = this.windows.get(key) ?? new ShareWindow(windowMs);
      if (window.room(limit, members, nowMs) >= cost) continue;
      const wait = window.waitFor(cost, limit, members, nowMs);
      if (wait > retryAfterMs) [short, retryAfterMs] = [{ of: 'counter', index }, wait];
    }
    for (const [index, slot] of slots.entries()) {
      const wait = slot.limit < members ? Infinity : SLOT_RETRY_MS;
      const isFull = this.shares.room(slot, this.held.get(slot.key) ?? 0, members, nowMs) <= 0;
      if (isFull && wait > retryAfterMs) [short, retryAfterMs] = [{ of: 'slot', index }, wait];
    }
    return short && { short, retryAfterMs };
  }

  private slotsOf(slots: readonly ConcurrencySlot[], members: number, nowMs: number): SlotState[] {
    return slots.map((slot) => {
      const used = this.held.get(slot.key) ?? 0;
      return { used, remaining: Math.max(0, this.shares.room(slot, used, members, nowMs)) };
    });
  }

  private addPending({ key, windowMs, cost }: WindowCounter, nowMs: number, latestMs: number): number {
    const window = this.windows.open(key, windowMs, nowMs);
    const bucket = bucketOf(latestMs, windowMs);
    window.own.add(bucket, cost);
    window.pending.add(bucket, cost);
    this.withPending.add(key);
    return bucket;
  }

  private stateOf({ key, limit }: WindowCounter, members: number, nowMs: number): CounterState {
    const window = this.windows.get(key);
    const remaining = window ? window.room(limit, members, nowMs) : Math.floor(limit / members);
    return {
      used: window?.sum(nowMs) ?? 0,
      remaining: Math.max(0, remaining),
      resetMs: window?.resetMs(nowMs) ?? 0,
    };
  }
}
