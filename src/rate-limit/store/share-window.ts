import { PERMIT_MS } from './permit-pool';
import { bucketOf, expiryOf, WindowRing } from './window-ring';

/**
 * What this replica knows of one window: what it admitted itself, which of that the store has not heard of yet, and what
 * others had admitted when the store last answered.
 */
export class ShareWindow {
  readonly own: WindowRing;
  /** The part of `own` that was admitted without the store, which has to be told. */
  readonly pending: WindowRing;
  /** The part of `own` that the store is being told. */
  readonly sent: WindowRing;
  private others = 0;
  private othersUntilMs = 0;
  private unseen = 0;
  private unseenUntilMs = 0;

  constructor(readonly windowMs: number) {
    this.own = new WindowRing(windowMs);
    this.pending = new WindowRing(windowMs);
    this.sent = new WindowRing(windowMs);
  }

  /** The store said that the window holds `sum`. */
  observe(sum: number, nowMs: number): void {
    this.others = Math.max(0, sum - (this.own.sum(nowMs) - this.unheard(nowMs)));
    // When others came is not known: at the latest just now, and permits are counted ahead.
    this.othersUntilMs = expiryOf(bucketOf(nowMs + PERMIT_MS, this.windowMs), this.windowMs);
  }

  /** From now on this replica asks the store less often, so that others may take up to `count` that it does not hear of. */
  overlook(count: number, nowMs: number): void {
    this.unseen = count;
    this.unseenUntilMs = expiryOf(bucketOf(nowMs + 2 * PERMIT_MS, this.windowMs), this.windowMs);
  }

  /** Everything known to count. */
  sum(nowMs: number): number {
    return this.own.sum(nowMs) + this.othersAt(nowMs);
  }

  /**
   * How much this replica may admit without the store: an equal part of what was left when the store went away, and with what it
   * admitted itself no more than an equal part of the limit. When all members keep to it, all together stay within the limit:
   * by the first rule wherever calls went, as long as each knew of all; by the second whatever they knew, as long as calls
   * were spread evenly.
   */
  room(limit: number, members: number, nowMs: number): number {
    const others = this.othersAt(nowMs) + this.unseenAt(nowMs);
    return roomOf({ own: this.own.sum(nowMs), unheard: this.unheard(nowMs), others }, limit, members);
  }

  /** Milliseconds until `room` is at least `cost` when nothing is admitted meanwhile; `Infinity` when it never is. */
  waitFor(cost: number, limit: number, members: number, nowMs: number): number {
    if (cost > Math.floor(limit / members)) return Infinity;
    const times = [...this.own.entries()].map(([bucket]) => expiryOf(bucket, this.windowMs));
    times.push(this.othersUntilMs, this.unseenUntilMs);
    for (const at of times.sort((a, b) => a - b)) {
      const unheard = countAt(this.pending, at) + countAt(this.sent, at);
      const others = this.othersAt(at) + this.unseenAt(at);
      const room = roomOf({ own: countAt(this.own, at), unheard, others }, limit, members);
      if (at > nowMs && room >= cost) return at - nowMs;
    }
    return Infinity;
  }

  resetMs(nowMs: number): number {
    const others = this.othersAt(nowMs) > 0 ? this.othersUntilMs - nowMs : 0;
    return Math.max(this.own.resetMs(nowMs), others);
  }

  /** What the store may not have heard of. */
  private unheard(nowMs: number): number {
    return this.pending.sum(nowMs) + this.sent.sum(nowMs);
  }

  private unseenAt(nowMs: number): number {
    return nowMs < this.unseenUntilMs ? this.unseen : 0;
  }

  private othersAt(nowMs: number): number {
    return nowMs < this.othersUntilMs ? this.others : 0;
  }
}

interface Counts {
  readonly own: number;
  /** The part of `own` that the store may not have heard of. */
  readonly unheard: number;
  readonly others: number;
}

function roomOf({ own, unheard, others }: Counts, limit: number, members: number): number {
  const ofTheRest = Math.floor((limit - (own - unheard) - others) / members) - unheard;
  return Math.min(ofTheRest, Math.floor(limit / members) - own);
}

function countAt(ring: WindowRing, nowMs: number): number {
  let count = 0;
  for (const [bucket, cost] of ring.entries()) if (expiryOf(bucket, ring.windowMs) > nowMs) count += cost;
  return count;
}
