import type { Admission, ConcurrencySlot } from './rate-limit.store';

type Sent = readonly { readonly admission: Admission }[];

/**
 * Which slots the store has to be told about. It is told how many calls run, not that one ended: a message that is lost or
 * comes twice does no harm, so no slot leaks.
 */
export class SlotBook {
  private readonly touched = new Set<string>();
  /** Admissions on their way: the store may have counted them already. */
  private readonly onTheWay = new Map<string, number>();
  /** Told with what was on its way, which the store may have refused. */
  private readonly toldAtMost = new Set<string>();

  /** @param onWanted there is something that must not wait: until it is told, the store may refuse for a call that never ran. */
  constructor(
    private readonly held: ReadonlyMap<string, number>,
    private readonly onWanted: () => void,
  ) {}

  touch(slots: readonly ConcurrencySlot[]): void {
    for (const { key } of slots) this.touched.add(key);
  }

  /** What to tell: how many calls run at most. `all` repeats it for slots that have not changed. */
  take(all: boolean): [key: string, running: number][] {
    if (all) for (const key of this.held.keys()) this.touched.add(key);
    const running = [...this.touched].map((key): [string, number] => {
      const coming = this.onTheWay.get(key) ?? 0;
      if (coming > 0) this.toldAtMost.add(key);
      return [key, (this.held.get(key) ?? 0) + coming];
    });
    this.touched.clear();
    return running;
  }

  sent(admissions: Sent): void {
    for (const { admission } of admissions) {
      for (const { key } of admission.slots) this.onTheWay.set(key, (this.onTheWay.get(key) ?? 0) + 1);
    }
  }

  answered(admissions: Sent): void {
    let isWanted = false;
    for (const { admission } of admissions) {
      for (const { key } of admission.slots) {
        const left = (this.onTheWay.get(key) ?? 0) - 1;
        if (left > 0) this.onTheWay.set(key, left);
        else this.onTheWay.delete(key);
        if (!this.toldAtMost.delete(key)) continue;
        this.touched.add(key);
        isWanted = true;
      }
    }
    if (isWanted) this.onWanted();
  }
}
