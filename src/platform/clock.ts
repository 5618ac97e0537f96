import { Injectable } from '@nestjs/common';

/** The only source of time for services, so that tests can turn it. */
export abstract class Clock {
  /** Wall clock: milliseconds since the epoch. Jumps when the machine's clock is set. */
  abstract now(): number;
  /** Monotonic clock in milliseconds, with fractions: for durations and timeouts. */
  abstract monotonic(): number;
}

@Injectable()
export class SystemClock extends Clock {
  override now(): number {
    return Date.now();
  }

  override monotonic(): number {
    return performance.now();
  }
}
