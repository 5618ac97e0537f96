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
  wait(id: string, milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, milliseconds);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      if (signal.aborted) done();
      else signal.addEventListener('abort', done, { once: true });
      void this.running.get(id)?.landed.then(() => done());
    });
  }

  /** Resolves when everything that is running has landed. */
  async all(): Promise<void> {
    await Promise.all([...this.running.values()].map(({ landed }) => landed));
  }
}
