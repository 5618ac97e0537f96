import { Clock } from '../../platform/clock';

/** Time that passes when the test says so. */
export class TurnedClock extends Clock {
  private readonly startedAtMs = 1_800_000_000_000;
  private passedMs = 0;

  override now(): number {
    return this.startedAtMs + this.passedMs;
  }

  override monotonic(): number {
    return this.passedMs;
  }

  advance(milliseconds: number): void {
    this.passedMs += milliseconds;
  }
}
