const FAILURES_TO_OPEN = 3;
const OPEN_MS = 1000;

/** Keeps calls away from a store that fails or is slow. While it is open only a probe may try. */
export class StoreBreaker {
  private failures = 0;
  private openedAtMs: number | null = null;

  constructor(private readonly monotonicMs: () => number) {}

  get isClosed(): boolean {
    return this.openedAtMs === null;
  }

  /** True when the store may be asked by something that nobody waits for. */
  get mayProbe(): boolean {
    return this.openedAtMs === null || this.monotonicMs() - this.openedAtMs >= OPEN_MS;
  }

  success(): void {
    this.failures = 0;
  }

  /** A probe went through: calls may go again. */
  close(): void {
    this.failures = 0;
    this.openedAtMs = null;
  }

  failure(): void {
    this.failures += 1;
    if (this.failures >= FAILURES_TO_OPEN || this.openedAtMs !== null) this.openedAtMs = this.monotonicMs();
  }
}
