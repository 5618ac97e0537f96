import { slotState } from './admission-reply';
import { ForwardClock } from './forward-clock';
import {
  RateLimitStore,
  SLOT_RETRY_MS,
  type Admission,
  type AdmissionResult,
  type CounterState,
  type Denied,
  type Receipt,
  type SlotState,
  type UsageSnapshot,
  type WindowCounter,
  type WindowName,
} from './rate-limit.store';
import { WindowMap } from './window-map';
import { bucketOf, WindowRing } from './window-ring';

/** Windows of one process, for a gateway without Redis. */
export class MemoryRateLimitStore extends RateLimitStore {
  override readonly degraded = false;
  private readonly clock: ForwardClock;
  private readonly rings: WindowMap<WindowRing>;
  private readonly held = new Map<string, number>();

  /** @param monotonicMs a clock that runs with real time; where it starts does not matter. */
  constructor(monotonicMs: () => number, maxKeys?: number) {
    super();
    this.clock = new ForwardClock(monotonicMs);
    this.rings = new WindowMap((windowMs) => new WindowRing(windowMs), maxKeys);
  }

  override admit(admission: Admission): Promise<AdmissionResult> {
    const now = this.clock.now();
    const denied = this.findShortage(admission, now);
    if (denied) return Promise.resolve(denied);
    const buckets = admission.counters.map(({ key, windowMs, cost }) => {
      const bucket = bucketOf(now, windowMs);
      this.rings.open(key, windowMs, now).add(bucket, cost);
      return bucket;
    });
    for (const { key } of admission.slots) this.held.set(key, (this.held.get(key) ?? 0) + 1);
    const receipt: Receipt = { counters: admission.counters, buckets, slots: admission.slots };
    return Promise.resolve({
      kind: 'admitted',
      receipt,
      counters: admission.counters.map((counter) => this.stateOf(counter, now)),
      slots: this.slotsOf(admission),
      degraded: false,
    });
  }

  override settle(receipt: Receipt, adjustments: readonly number[]): void {
    const now = this.clock.now();
    for (const [index, bucket] of receipt.buckets.entries()) {
      const delta = adjustments[index] ?? 0;
      const counter = receipt.counters[index];
      if (delta !== 0 && counter) this.rings.open(counter.key, counter.windowMs, now).adjust(bucket, delta, now);
    }
  }

  override release(receipt: Receipt): void {
    for (const { key } of receipt.slots) {
      const held = (this.held.get(key) ?? 0) - 1;
      if (held > 0) this.held.set(key, held);
      else this.held.delete(key);
    }
  }

  override usage(windows: readonly WindowName[], slots: readonly string[]): Promise<UsageSnapshot> {
    const now = this.clock.now();
    return Promise.resolve({
      windows: windows.map(({ key }) => {
        const ring = this.rings.get(key);
        return { used: ring?.sum(now) ?? 0, resetMs: ring?.resetMs(now) ?? 0 };
      }),
      slots: slots.map((key) => this.held.get(key) ?? 0),
      degraded: false,
    });
  }

  private findShortage({ counters, slots }: Admission, now: number): Denied | null {
    let short: Denied['short'] | null = null;
    let retryAfterMs = -1;
    for (const [index, counter] of counters.entries()) {
      const wait = this.waitFor(counter, now);
      if (wait > retryAfterMs) [short, retryAfterMs] = [{ of: 'counter', index }, wait];
    }
    for (const [index, { key, limit }] of slots.entries()) {
      const isFull = (this.held.get(key) ?? 0) >= limit;
      if (isFull && retryAfterMs < SLOT_RETRY_MS) [short, retryAfterMs] = [{ of: 'slot', index }, SLOT_RETRY_MS];
    }
    if (!short) return null;
    const states = counters.map((counter) => this.stateOf(counter, now));
    return { kind: 'denied', short, retryAfterMs, counters: states, slots: this.slotsOf({ slots }), degraded: false };
  }

  private slotsOf({ slots }: Pick<Admission, 'slots'>): SlotState[] {
    return slots.map(({ key, limit }) => slotState(this.held.get(key) ?? 0, limit));
  }

  /** Milliseconds until the counter has room; -1 when it has. */
  private waitFor({ key, limit, cost }: WindowCounter, now: number): number {
    const ring = this.rings.get(key);
    const missing = (ring?.sum(now) ?? 0) + cost - limit;
    if (missing <= 0) return -1;
    return cost > limit || !ring ? Infinity : ring.freedAfter(missing, now);
  }

  private stateOf({ key, limit }: WindowCounter, now: number): CounterState {
    const ring = this.rings.get(key);
    const used = ring?.sum(now) ?? 0;
    return { used, remaining: Math.max(0, limit - used), resetMs: ring?.resetMs(now) ?? 0 };
  }
}
