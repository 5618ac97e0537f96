import fc from 'fast-check';
import type { Admission } from './rate-limit.store';
import { SlotBook } from './slot-book';

const KEY = 's:team:t';
const ADMISSION: Admission = { counters: [], slots: [{ key: KEY, limit: 3 }] };

/** One slot of the store as one replica tells of it. What is sent arrives in order; answers may be read later. */
class Replica {
  readonly held = new Map<string, number>();
  readonly book = new SlotBook(this.held, () => (this.isTelling = true));
  stored = 0;
  private readonly unread: { readonly isAdmitted: boolean }[] = [];
  private isTelling = false;

  /** Tells what there is to tell, then asks. */
  ask(isHeartbeat: boolean): void {
    this.tell(isHeartbeat);
    this.book.sent([{ admission: ADMISSION }]);
    const isAdmitted = this.stored < 3;
    if (isAdmitted) this.stored += 1;
    this.unread.push({ isAdmitted });
  }

  tell(isHeartbeat = false): void {
    this.isTelling = false;
    for (const [, running] of this.book.take(isHeartbeat)) this.stored = running;
  }

  read(): void {
    const answer = this.unread.shift();
    if (!answer) return;
    if (answer.isAdmitted) this.hold(1);
    this.book.answered([{ admission: ADMISSION }]);
  }

  end(): void {
    if ((this.held.get(KEY) ?? 0) === 0) return;
    this.hold(-1);
    this.book.touch(ADMISSION.slots);
    this.isTelling = true;
  }

  /** Without a heartbeat: only what was called for. */
  rest(): void {
    while (this.unread.length > 0) this.read();
    while (this.isTelling) this.tell();
  }

  private hold(change: number): void {
    const count = (this.held.get(KEY) ?? 0) + change;
    if (count > 0) this.held.set(KEY, count);
    else this.held.delete(KEY);
  }
}

describe('SlotBook', () => {
  it('never tells too few, and at rest exactly what runs, without waiting for a heartbeat', () => {
    const step = fc.constantFrom('ask', 'beatAndAsk', 'tell', 'beat', 'read', 'end');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const replica = new Replica();
        for (const one of steps) {
          if (one === 'ask' || one === 'beatAndAsk') replica.ask(one === 'beatAndAsk');
          else if (one === 'tell' || one === 'beat') replica.tell(one === 'beat');
          else replica[one]();
          expect(replica.stored).toBeGreaterThanOrEqual(replica.held.get(KEY) ?? 0);
        }
        replica.rest();
        expect(replica.stored).toBe(replica.held.get(KEY) ?? 0);
      }),
      { numRuns: 500 },
    );
  });
});
