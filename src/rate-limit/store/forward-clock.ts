/**
 * Time that never goes backwards: when the source does, it goes on from where it was. What passed unseen during the jump is
 * not counted, so windows get longer by it and never shorter.
 */
export class ForwardClock {
  private offsetMs = 0;
  private lastMs = -Infinity;

  constructor(private readonly source: () => number) {}

  /** Whole milliseconds. */
  now(): number {
    const raw = Math.floor(this.source());
    if (raw + this.offsetMs < this.lastMs) this.offsetMs = this.lastMs - raw;
    this.lastMs = raw + this.offsetMs;
    return this.lastMs;
  }
}
