/** The time over which heat is measured. */
const SLICE_MS = 100;
/** Calls in a slice that make a counter hot: 200 a second on this replica. */
const HOT_CALLS = 20;

interface Heat {
  calls: number;
  cost: number;
}

/** Which counters are asked for so often that asking the store each time is a waste, and how much they use. */
export class CounterHeat {
  private before = new Map<string, Heat>();
  private current = new Map<string, Heat>();
  private since = -Infinity;

  /** Notes an admission. True when the counter is hot. */
  add(key: string, cost: number, nowMs: number): boolean {
    this.turn(nowMs);
    const known = this.current.get(key);
    if (known) {
      known.calls += 1;
      known.cost += cost;
    } else {
      this.current.set(key, { calls: 1, cost });
    }
    return (known?.calls ?? 1) >= HOT_CALLS || (this.before.get(key)?.calls ?? 0) >= HOT_CALLS;
  }

  /** What the counter used in a slice of late. */
  usePerSlice(key: string): number {
    return Math.max(this.before.get(key)?.cost ?? 0, this.current.get(key)?.cost ?? 0);
  }

  private turn(nowMs: number): void {
    const age = nowMs - this.since;
    if (age < SLICE_MS) return;
    this.before = age < 2 * SLICE_MS ? this.current : new Map();
    this.current = new Map();
    this.since = nowMs;
  }
}
