import { setTimeout as sleep } from 'node:timers/promises';
import { abortSignalOf, type Cancellable } from '../../core/cancel-signal';

interface Landing {
  readonly landed: Promise<void>;
  readonly land: () => void;
}

/** The first requests that this process is answering, for those that wait for them. One for each request that is running. */
export class Landings {
  private readonly running = new Map<string, Landing>();

  /** To be called when the answer is on record. */
  open(id: string): () => void {
    let settle: () => void = () => undefined;
    const landed = new Promise<void>((resolve) => (settle = resolve));
    const landing: Landing = {
      landed,
      land: () => {
        if (this.running.get(id) === landing) this.running.delete(id);
        settle();
      },
    };
    this.running.set(id, landing);
    return landing.land;
  }

  /** Resolves when the answer of this process is on record, after so many milliseconds, or when the signal aborts. */
  async wait(id: string, milliseconds: number, signal: Cancellable): Promise<void> {
    const over = new AbortController();
    const pause = sleep(milliseconds, undefined, { signal: AbortSignal.any([abortSignalOf(signal), over.signal]) });
    await Promise.race([pause.catch(() => undefined), this.running.get(id)?.landed ?? pause.catch(() => undefined)]);
    over.abort();
  }

  /** Resolves when everything that is running has landed. */
  async all(): Promise<void> {
    await Promise.all([...this.running.values()].map(({ landed }) => landed));
  }
}
