import type { Clock } from '../platform/clock';

const FAILURES_TO_REST = 3;
const REST_MS = 1_000;

/**
 * Keeps requests from waiting for something that is away: after three failures in a row it is asked once a second, and
 * everybody else goes on without it at once.
 */
export class Patience {
  private failures = 0;
  private restsUntilMs = -Infinity;

  constructor(private readonly clock: Clock) {}

  /** Whether it may be asked now. Whoever comes while a first try after a rest runs does not try either. */
  mayTry(): boolean {
    if (this.clock.monotonic() < this.restsUntilMs) return false;
    if (this.failures >= FAILURES_TO_REST) this.restsUntilMs = this.clock.monotonic() + REST_MS;
    return true;
  }

  /** True when it was away until now. */
  succeeded(): boolean {
    const isBack = this.failures >= FAILURES_TO_REST;
    this.failures = 0;
    this.restsUntilMs = -Infinity;
    return isBack;
  }

  /** True when it has just been found to be away. */
  failed(): boolean {
    this.failures += 1;
    if (this.failures < FAILURES_TO_REST) return false;
    this.restsUntilMs = this.clock.monotonic() + REST_MS;
    return this.failures === FAILURES_TO_REST;
  }
}
