import { bucketOf, expiryOf, WindowRing } from './window-ring';

/**
 * What this replica knows of one window: what it admitted itself, which of that the store has not heard of yet, and what
 * others had admitted when the store last answered.
 */
export class ShareWindow {
  readonly own: WindowRing;
  /** The part of `own` that was admitted without the store. */
  readonly pending: WindowRing;
  private others = 0;
  private othersUntilMs = 0;

  constructor(readonly windowMs: number) {
    this.own = new WindowRing(windowMs);
    this.pending = new WindowRing(windowMs);
  }

  /** The store said that the window holds `sum`. */
  observe(sum: number, nowMs: number): void {
    this.others = Math.max(0, sum - (this.own.sum(nowMs) - this.pending.sum(nowMs)));
    // When others came is not known: at the latest just now.
    this.othersUntilMs = expiryOf(bucketOf(nowMs, this.windowMs), this.windowMs);
  }

  /** Everything known to count. */
  sum(nowMs: number): number {
    return this.own.sum(nowMs) + this.othersAt(nowMs);
  }

  /**
   * How much this replica may admit without the store: an equal part of what was left when the store went away. When all
   * members keep to it, all together stay within the limit.
   */
  room(limit: number, members: number, nowMs: number): number {
    const before = this.own.sum(nowMs) - this.pending.sum(nowMs) + this.othersAt(nowMs);
    return Math.floor((limit - before) / members) - this.pending.sum(nowMs);
  }

  /** Milliseconds until `room` is at least `cost` when nothing is admitted meanwhile; `Infinity` when it never is. */
  waitFor(cost: number, limit: number, members: number, nowMs: number): number {
    if (cost > Math.floor(limit / members)) return Infinity;
    const times = [...this.own.entries()].map(([bucket]) => expiryOf(bucket, this.windowMs));
    times.push(this.othersUntilMs);
    for (const at of times.sort((a, b) => a - b)) {
      const pending = countAt(this.pending, at);
      const before = countAt(this.own, at) - pending + this.othersAt(at);
      if (at > nowMs && Math.floor((limit - before) / members) - pending >= cost) return at - nowMs;
    }
    return Infinity;
  }

  resetMs(nowMs: number): number {
    const others = this.othersAt(nowMs) > 0 ? this.othersUntilMs - nowMs : 0;
    return Math.max(this.own.resetMs(nowMs), others);
  }

  private othersAt(nowMs: number): number {
    return nowMs < this.othersUntilMs ? this.others : 0;
  }
}

function countAt(ring: WindowRing, nowMs: number): number {
  let count = 0;
  for (const [bucket, cost] of ring.entries()) if (expiryOf(bucket, ring.windowMs) > nowMs) count += cost;
  return count;
}
