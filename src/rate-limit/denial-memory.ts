import { SMALLEST_LIMIT } from './store/permit-desk';
import type { Admission, Denied } from './store/rate-limit.store';

const MAX_ENTRIES = 10_000;
/**
 * Tokens are given back when a call turns out smaller, and permits of a high limit when they are not used, by any replica: a
 * refusal for lack of them is asked again after this.
 */
const MAX_UNCERTAIN_MEMORY_MS = 1_000;

interface Entry {
  readonly admission: Admission;
  readonly denied: Denied;
  readonly deniedAtMs: number;
  readonly untilMs: number;
}

/** Recent refusals, so that a caller who does not wait is refused again without asking the store. */
export class DenialMemory {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly monotonicMs: () => number) {}

  /** Keeps a refusal for as long as it is certain to hold. */
  remember(caller: string, admission: Admission, denied: Denied): void {
    const short = admission.counters[denied.short.index];
    // When a slot gets free nobody knows; and a replica on its own does not ask anybody anyway.
    if (denied.short.of === 'slot' || denied.degraded || !short) return;
    const now = this.monotonicMs();
    const isCertain = short.cost === 1 && short.limit < SMALLEST_LIMIT;
    const memoryMs = isCertain ? denied.retryAfterMs : Math.min(denied.retryAfterMs, MAX_UNCERTAIN_MEMORY_MS);
    if (memoryMs === Infinity) return;
    this.entries.delete(caller);
    if (this.entries.size >= MAX_ENTRIES) this.forgetOldest();
    this.entries.set(caller, { admission, denied, deniedAtMs: now, untilMs: now + memoryMs });
  }

  /** The refusal that still holds for this admission, with what is left of its wait; null when the store has to be asked. */
  recall(caller: string, admission: Admission): Denied | null {
    const entry = this.entries.get(caller);
    if (!entry) return null;
    const now = this.monotonicMs();
    if (now >= entry.untilMs) {
      this.entries.delete(caller);
      return null;
    }
    if (!holdsFor(entry, admission)) return null;
    const passedMs = now - entry.deniedAtMs;
    return { ...entry.denied, retryAfterMs: Math.ceil(entry.denied.retryAfterMs - passedMs) };
  }

  private forgetOldest(): void {
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }
}

/** The same limits, and a need that is no greater (its wait would be longer) but still more than there was left. */
function holdsFor({ admission: before, denied }: Entry, { counters }: Admission): boolean {
  if (counters.length !== before.counters.length) return false;
  for (const [index, { key, limit, cost }] of counters.entries()) {
    const known = before.counters[index]!;
    if (known.key !== key || known.limit !== limit || cost > known.cost) return false;
  }
  const { index } = denied.short;
  return counters[index]!.cost > denied.counters[index]!.remaining;
}
