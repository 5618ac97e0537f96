const MAX_SLOTS = 10_000;
/** What ran elsewhere when the store went away has mostly ended after that. */
const KNOWN_MS = 60_000;

/** What ran when the store last answered: everywhere, and here. */
interface Seen {
  readonly running: number;
  readonly own: number;
  readonly atMs: number;
}

/**
 * How many calls this replica may run without the store, which is asked for an equal part of the bound. A replica that ran more
 * than its part when the store went away still runs them: the others wait for these, as far as they know of them.
 */
export class SlotShares {
  private readonly seen = new Map<string, Seen>();

  /** The store said that `running` calls hold this slot, `own` of them here. */
  observe(key: string, running: number, own: number, nowMs: number): void {
    this.seen.delete(key);
    if (this.seen.size >= MAX_SLOTS) this.forgetOldest();
    this.seen.set(key, { running, own, atMs: nowMs });
  }

  /** Calls that may be begun here while `held` run. */
  room(slot: { readonly key: string; readonly limit: number }, held: number, members: number, nowMs: number): number {
    const { key, limit } = slot;
    const part = Math.floor(limit / members) - held;
    const seen = this.seen.get(key);
    if (!seen || nowMs - seen.atMs > KNOWN_MS) return part;
    const free = Math.floor(Math.max(0, limit - seen.running) / members);
    return Math.min(part, seen.own + free - held);
  }

  private forgetOldest(): void {
    const oldest = this.seen.keys().next();
    if (!oldest.done) this.seen.delete(oldest.value);
  }
}
