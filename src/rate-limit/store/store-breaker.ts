const FAILURES_TO_OPEN = 3;
/** Nobody waits for a probe, so it may come often: the sooner the store is found, the shorter replicas are alone. */
const PROBE_MS = 250;

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
    return this.openedAtMs === null || this.monotonicMs() - this.openedAtMs >= PROBE_MS;
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
