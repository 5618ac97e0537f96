import { Clock } from '../../platform/clock';

/** Stands still until it is told. */
export class ManualClock extends Clock {
  constructor(private nowMs = Date.parse('2026-11-23T12:00:00Z')) {
    super();
  }

  override now(): number {
    return this.nowMs;
  }

  override monotonic(): number {
    return this.nowMs;
  }

  advance(milliseconds: number): void {
    this.nowMs += milliseconds;
  }
}
