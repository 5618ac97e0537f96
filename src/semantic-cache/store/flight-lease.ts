/** The right to ask a provider for an answer, as long as it lasts. */
export interface Lease {
  renew(milliseconds: number): Promise<void>;
  release(): Promise<void>;
}

/** A lease that was taken before it is known whether there is a flight to go under it. */
export class EarlyLease {
  private isOver = false;

  constructor(private readonly lease: Lease) {}

  /** For whoever uses it and gives it back himself; null when it has been given back. */
  claim(): Lease | null {
    if (this.isOver) return null;
    this.isOver = true;
    return this.lease;
  }

  /** Gives it back, unless it is in use. */
  release(): void {
    void this.claim()
      ?.release()
      .catch(() => {});
  }
}
