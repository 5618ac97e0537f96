/**
 * Why a target is left alone: `asked` is the provider's own Retry-After, before which it is never called; `chosen` is our
 * judgement (a 429 that names no wait, an account without money), so the last target left is called all the same.
 */
export interface Cooldown {
  readonly kind: 'asked' | 'chosen';
  readonly reason: string;
  /** Monotonic clock. */
  readonly untilMs: number;
}

interface Entry {
  asked: Cooldown | null;
  chosen: Cooldown | null;
}

/** More quota domains than any configuration has. */
const MAX_DOMAINS = 10_000;

/** The cooldowns of all quota domains. One is extended, never shortened, and ends by itself or with a success. */
export class Cooldowns {
  private readonly entries = new Map<string, Entry>();

  hold(domain: string, cooldown: Cooldown): void {
    const entry = this.entryOf(domain);
    const known = entry[cooldown.kind];
    if (!known || cooldown.untilMs > known.untilMs) entry[cooldown.kind] = cooldown;
  }

  /** The one in force: what was asked for before what was chosen. */
  find(domain: string, nowMs: number): Cooldown | null {
    const entry = this.entries.get(domain);
    if (!entry) return null;
    if (entry.asked && entry.asked.untilMs > nowMs) return entry.asked;
    if (entry.chosen && entry.chosen.untilMs > nowMs) return entry.chosen;
    this.entries.delete(domain);
    return null;
  }

  /** A success disproves our own judgement; what the provider asked for stands. */
  succeeded(domain: string): void {
    const entry = this.entries.get(domain);
    if (entry) entry.chosen = null;
  }

  forget(domain: string): void {
    this.entries.delete(domain);
  }

  private entryOf(domain: string): Entry {
    const known = this.entries.get(domain);
    if (known) return known;
    if (this.entries.size >= MAX_DOMAINS) {
      const oldest = this.entries.keys().next();
      if (!oldest.done) this.entries.delete(oldest.value);
    }
    const entry: Entry = { asked: null, chosen: null };
    this.entries.set(domain, entry);
    return entry;
  }
}
