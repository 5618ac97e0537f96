/** Parts of a window. An admission counts for the whole window plus at most one part. */
export const SUB_BUCKETS = 60;

/** The part of time that `nowMs` is in. Product before quotient: the same double as in `sliding-window.lua`. */
export const bucketOf = (nowMs: number, windowMs: number): number => Math.floor((nowMs * SUB_BUCKETS) / windowMs);

/** The first whole millisecond at which what was counted in `bucket` counts no more. */
export const expiryOf = (bucket: number, windowMs: number): number =>
  Math.ceil(((bucket + SUB_BUCKETS + 1) * windowMs) / SUB_BUCKETS);

/** Counts of the last 61 parts of a window; only parts that hold something take memory. Time must not go backwards. */
export class WindowRing {
  private buckets: number[] = [];
  private counts: number[] = [];
  private total = 0;

  constructor(readonly windowMs: number) {}

  /** Everything that still counts at `nowMs`. Forgets the rest. */
  sum(nowMs: number): number {
    const oldest = bucketOf(nowMs, this.windowMs) - SUB_BUCKETS;
    let expired = 0;
    while (expired < this.buckets.length && this.buckets[expired]! < oldest) {
      this.total -= this.counts[expired]!;
      expired += 1;
    }
    if (expired > 0) {
      this.buckets.splice(0, expired);
      this.counts.splice(0, expired);
    }
    return this.total;
  }

  /** Adds to any bucket; a negative cost takes at most what the bucket holds. Returns what was added. */
  add(bucket: number, cost: number): number {
    let at = this.buckets.length;
    while (at > 0 && this.buckets[at - 1]! >= bucket) at -= 1;
    if (this.buckets[at] !== bucket) {
      if (cost <= 0) return 0;
      this.buckets.splice(at, 0, bucket);
      this.counts.splice(at, 0, 0);
    }
    const added = Math.max(cost, -this.counts[at]!);
    this.counts[at]! += added;
    this.total += added;
    return added;
  }

  /** Corrects a bucket, unless it has left the window at `nowMs`. */
  adjust(bucket: number, delta: number, nowMs: number): number {
    return bucket < bucketOf(nowMs, this.windowMs) - SUB_BUCKETS ? 0 : this.add(bucket, delta);
  }

  /** Milliseconds from `nowMs` until `amount` has left the window; `Infinity` when there is not so much in it. */
  freedAfter(amount: number, nowMs: number): number {
    let freed = 0;
    for (let index = 0; index < this.buckets.length; index += 1) {
      freed += this.counts[index]!;
      if (freed >= amount) return expiryOf(this.buckets[index]!, this.windowMs) - nowMs;
    }
    return Infinity;
  }

  /** Milliseconds from `nowMs` until the ring is empty. */
  resetMs(nowMs: number): number {
    const last = this.buckets.at(-1);
    return last === undefined ? 0 : Math.max(0, expiryOf(last, this.windowMs) - nowMs);
  }

  get isEmpty(): boolean {
    return this.buckets.length === 0;
  }

  /** The buckets that hold something, oldest first. */
  *entries(): IterableIterator<readonly [bucket: number, count: number]> {
    for (let index = 0; index < this.buckets.length; index += 1) {
      if (this.counts[index]! > 0) yield [this.buckets[index]!, this.counts[index]!];
    }
  }
}
