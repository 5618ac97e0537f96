import { CounterHeat } from './counter-heat';
import type { BucketCount } from './local-windows';
import { PERMIT_MS, PermitPool } from './permit-pool';
import type { Admission, Admitted, CounterState, WindowCounter } from './rate-limit.store';
import { expiryOf } from './window-ring';

/** A replica holds at most this part of a limit, divided by the number of replicas. */
const LIMIT_PART = 10;
/** A share that is good for fewer calls than this is not worth taking: then a limit is given out to the last call. */
const MIN_CALLS = 50;
/** A little more than was used of late, so that a steady stream does not run dry. */
const SPARE = 1.25;

/** Below this limit no replica takes permits. */
export const SMALLEST_LIMIT = LIMIT_PART * MIN_CALLS;

/** How many permits one replica may hold of a limit. */
export const mostPermits = (limit: number, members: number): number => Math.floor(limit / (LIMIT_PART * members));

export interface PermitRequest {
  readonly key: string;
  readonly windowMs: number;
  readonly limit: number;
  readonly want: number;
}

export interface PermitGrant {
  readonly count: number;
  readonly bucket: number;
  /** What the window holds, with these permits. */
  readonly sum: number;
}

/**
 * Admits calls of hot scopes without asking the store each time, from permits: room that the store has already counted. The
 * store counts permits in the sub-bucket of the moment at which they end, so a call that uses one late is still counted for
 * its whole window. What is not used goes back.
 */
export class PermitDesk {
  private readonly heat = new CounterHeat();
  private readonly pools = new Map<string, PermitPool>();
  private wanted = new Map<string, PermitRequest>();
  /** Permits that nobody will use, to be given back. */
  private unused: BucketCount[] = [];

  /** @param members how many replicas share the limits. */
  constructor(
    private readonly members: () => number,
    private readonly minCalls = MIN_CALLS,
  ) {}

  get isIdle(): boolean {
    return this.pools.size === 0 && this.unused.length === 0;
  }

  /** True when there is something to ask the store for. */
  get isWanting(): boolean {
    return this.wanted.size > 0;
  }

  /**
   * Admits when there are permits for all that is needed; null when the store has to be asked. A bound on running calls needs
   * the store.
   * @param storeNowMs the time of the store, for what the answer says of resets.
   */
  admit(admission: Admission, nowMs: number, storeNowMs: number): Admitted | null {
    const { counters, slots } = admission;
    if (this.pools.size === 0 || slots.length > 0 || counters.length === 0) return null;
    for (const { key, limit, cost } of counters) {
      const pool = this.pools.get(key);
      if (!pool || pool.limit !== limit || !pool.has(cost, nowMs)) return null;
    }
    const buckets = counters.map(({ key, cost }) => this.pools.get(key)!.use(cost, nowMs));
    this.note(admission, nowMs);
    return {
      kind: 'admitted',
      receipt: { counters, buckets, slots },
      counters: counters.map((counter) => this.stateOf(counter, storeNowMs)),
      slots: [],
      degraded: false,
      isByPermit: true,
    };
  }

  /** An admission was counted, by the store or here. When all its counters are hot, permits for them are asked for. */
  note({ counters, slots }: Admission, nowMs: number): void {
    if (slots.length > 0 || !this.isWorthIt(counters)) return;
    let isHot = counters.length > 0;
    for (const { key, cost } of counters) isHot = this.heat.add(key, cost, nowMs) && isHot;
    if (!isHot) return;
    for (const counter of counters) this.refill(counter, nowMs);
  }

  /** The store has said what the window of `counter` holds. */
  observe({ key }: WindowCounter, sum: number, lastBucket: number): void {
    const pool = this.pools.get(key);
    if (!pool) return;
    pool.sum = sum;
    pool.lastBucket = Math.max(pool.lastBucket, lastBucket);
  }

  /** What to ask the store for. End with `granted` or `unanswered`. */
  takeWanted(): PermitRequest[] {
    const requests = [...this.wanted.values()];
    this.wanted = new Map();
    return requests;
  }

  /** @param askedAtMs when the store was asked: permits end so long after that, whenever the answer came. */
  granted({ key, windowMs, limit }: PermitRequest, { count, bucket, sum }: PermitGrant, askedAtMs: number): void {
    const pool = this.pools.get(key);
    if (!pool || pool.limit !== limit) {
      if (count > 0) this.unused.push({ key, windowMs, bucket, count });
      return;
    }
    pool.isAsked = false;
    if (count <= 0) {
      pool.waitUntilMs = askedAtMs + PERMIT_MS;
      return;
    }
    pool.sum = sum;
    pool.lastBucket = Math.max(pool.lastBucket, bucket);
    pool.add({ bucket, count, endsAtMs: askedAtMs + PERMIT_MS });
  }

  unanswered(requests: readonly PermitRequest[]): void {
    for (const { key } of requests) {
      const pool = this.pools.get(key);
      if (pool) pool.isAsked = false;
    }
  }

  /** What goes back at `nowMs`: permits that have ended unused, and with them pools that nobody asks for. */
  takeUnused(nowMs: number): BucketCount[] {
    for (const [key, pool] of this.pools) {
      this.giveBack(key, pool, nowMs);
      if (pool.isEmpty && !pool.isAsked && nowMs >= pool.waitUntilMs) this.pools.delete(key);
    }
    return this.unused.splice(0);
  }

  /** Gives all permits up. */
  close(): BucketCount[] {
    for (const [key, pool] of this.pools) this.giveBack(key, pool, Infinity);
    this.pools.clear();
    this.wanted.clear();
    return this.unused.splice(0);
  }

  /** Permits of this replica for `key` that are not used: the store counts them all the same. */
  unusedOf(key: string): number {
    return this.pools.get(key)?.unused ?? 0;
  }

  private stateOf({ key, limit, windowMs }: WindowCounter, storeNowMs: number): CounterState {
    const { sum, unused, lastBucket } = this.pools.get(key)!;
    const used = Math.max(0, sum - unused);
    return {
      used,
      remaining: Math.max(0, limit - used),
      resetMs: Math.max(0, expiryOf(lastBucket, windowMs) - storeNowMs),
    };
  }

  private giveBack(key: string, pool: PermitPool, nowMs: number): void {
    const { windowMs } = pool;
    for (const { bucket, count } of pool.ended(nowMs)) this.unused.push({ key, windowMs, bucket, count });
  }

  private isWorthIt(counters: readonly WindowCounter[]): boolean {
    const members = this.members();
    return counters.every(({ limit, cost }) => mostPermits(limit, members) >= cost * this.minCalls);
  }

  /** Asks for as much as is used in the life of a permit, when half of it is used up or about to end. */
  private refill({ key, windowMs, limit }: WindowCounter, nowMs: number): void {
    const pool = this.poolOf(key, windowMs, limit);
    if (pool.isAsked || nowMs < pool.waitUntilMs) return;
    const most = mostPermits(limit, this.members());
    const target = Math.min(most, Math.ceil(this.heat.usePerSlice(key) * SPARE));
    const fresh = pool.left(nowMs, PERMIT_MS / 2);
    const want = Math.min(target - fresh, most - pool.unused);
    if (fresh > target / 2 || want <= 0) return;
    pool.isAsked = true;
    this.wanted.set(key, { key, windowMs, limit, want });
  }

  private poolOf(key: string, windowMs: number, limit: number): PermitPool {
    const known = this.pools.get(key);
    if (known && known.limit === limit && known.windowMs === windowMs) return known;
    if (known) this.giveBack(key, known, Infinity);
    const pool = new PermitPool(windowMs, limit);
    this.pools.set(key, pool);
    return pool;
  }
}
