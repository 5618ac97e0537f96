/** A step back of up to this is waited out; also the silence that `sliding-window.lua` takes for an outage. */
const SMALL_STEP_MS = 1000;

/**
 * Time that never goes backwards. After a small step back it stands still until its source has caught up, so that a step
 * forth again does not shorten a window; after a large one it goes on from where it was. Windows get longer, never shorter.
 */
export class ForwardClock {
  private offsetMs = 0;
  private lastMs = -Infinity;

  constructor(private readonly source: () => number) {}

  /** Whole milliseconds. */
  now(): number {
    const raw = Math.floor(this.source());
    const stepMs = this.lastMs - (raw + this.offsetMs);
    if (stepMs > SMALL_STEP_MS) this.offsetMs = this.lastMs - raw;
    this.lastMs = Math.max(this.lastMs, raw + this.offsetMs);
    return this.lastMs;
  }
}
