/** How long each phase of a call may take, in milliseconds. */
export interface PhaseTimeouts {
  readonly connectMs: number;
  /** From the connection until the head of the answer. */
  readonly firstByteMs: number;
  /** Between two pieces of the answer. */
  readonly idleMs: number;
  readonly totalMs: number;
}

export type Phase = 'connect' | 'first_byte' | 'idle' | 'release';
export type Deadline = Phase | 'total';

/**
 * The deadlines of one call. One timer serves them all: a deadline that moves away only changes a number, and a timer that
 * goes off too early goes on, so a call that is not late sets one timer, however many pieces its answer has.
 */
export class PhaseTimer {
  private phase: Phase;
  private phaseEndsMs: number;
  private totalEndsMs: number;
  private goesOffMs = Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    phase: Phase,
    milliseconds: number,
    totalMs: number,
    private readonly onLate: (deadline: Deadline) => void,
  ) {
    const nowMs = performance.now();
    this.phase = phase;
    this.phaseEndsMs = nowMs + milliseconds;
    this.totalEndsMs = nowMs + totalMs;
    this.arm(nowMs);
  }

  /** The phase begins, or begins anew. */
  enter(phase: Phase, milliseconds: number): void {
    const nowMs = performance.now();
    this.phase = phase;
    this.phaseEndsMs = nowMs + milliseconds;
    if (this.phaseEndsMs < this.goesOffMs) this.arm(nowMs);
  }

  /** The phase has no end for now. */
  hold(): void {
    this.phaseEndsMs = Infinity;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.phaseEndsMs = this.totalEndsMs = Infinity;
  }

  private arm(nowMs: number): void {
    clearTimeout(this.timer);
    this.goesOffMs = Math.min(this.phaseEndsMs, this.totalEndsMs);
    if (this.goesOffMs === Infinity) return;
    this.timer = setTimeout(() => this.goOff(), Math.ceil(this.goesOffMs - nowMs));
  }

  private goOff(): void {
    const nowMs = performance.now();
    if (nowMs >= this.totalEndsMs) this.onLate('total');
    else if (nowMs >= this.phaseEndsMs) this.onLate(this.phase);
    else this.arm(nowMs);
  }
}
