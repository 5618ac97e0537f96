import type { Cancellable } from '../../core/cancel-signal';
import { UpstreamError } from '../../core/errors';
import type { StreamEvent, StreamReply } from '../../core/reply';
import type { Assembler, Echo } from './assembler';

/** Text that is passed on as it comes, for what the assembler cannot keep; beyond it those who follow are cut off. */
const MAX_PASSED_CHARS = 262_144;

export interface Follower {
  /** He asked for the usage chunk. */
  readonly includeUsage: boolean;
  readonly signal: Cancellable;
  /** Told when he is about to have all of it. */
  readonly onComplete: () => void;
}

export interface Followed {
  readonly reply: StreamReply;
  /** He needs it no longer; later calls do nothing. */
  readonly leave: () => void;
}

type Outcome = { readonly kind: 'complete'; readonly last: StreamEvent } | { readonly kind: 'broken'; error: unknown };

/**
 * A streamed answer while it comes: whoever asks the same has it from its beginning and then as it grows, each at his own
 * pace. Nothing is kept for anybody who is slow: all read from the one text that is recorded anyway. What cannot be told
 * from that text is passed on event by event, to those who have begun by then.
 */
export class LiveAnswer {
  private readonly listeners = new Set<() => void>();
  private readonly passed: StreamEvent[] = [];
  private passedChars = 0;
  private followers = 0;
  private version = 0;
  private isClosed = false;
  private outcome: Outcome | null = null;

  /** `onFollowed`: told when the first begins to follow, and when nobody does any longer. */
  constructor(
    private readonly reply: StreamReply,
    private readonly assembler: Assembler,
    private readonly onFollowed: (isFollowed: boolean) => void,
  ) {}

  /** Null when it can no longer be had from its beginning. */
  follow(follower: Follower): Followed | null {
    if (this.isClosed || this.outcome?.kind === 'broken') return null;
    let isHere = true;
    const leave = (): void => {
      if (!isHere) return;
      isHere = false;
      this.followers -= 1;
      if (this.followers === 0 && !this.outcome) this.onFollowed(false);
    };
    this.followers += 1;
    if (this.followers === 1 && !this.outcome) this.onFollowed(true);
    const { dialect, model, warnings } = this.reply;
    const batches = this.batches(follower, leave);
    return {
      reply: { kind: 'stream', dialect, model, ...(warnings === undefined ? {} : { warnings }), batches },
      leave,
    };
  }

  /** The assembler has more. */
  grew(): void {
    this.version += 1;
    for (const wake of this.listeners) wake();
    this.listeners.clear();
  }

  /** The assembler does not take this event, nor any after it. */
  passOn(event: StreamEvent): void {
    this.isClosed = true;
    if (this.followers === 0 || this.outcome) return;
    this.passedChars += event.text.length;
    if (this.passedChars <= MAX_PASSED_CHARS) this.passed.push(event);
    else this.end({ kind: 'broken', error: null });
  }

  /** Its last event has come. */
  complete(last: StreamEvent): void {
    this.end({ kind: 'complete', last });
  }

  /** Nothing more comes. Does nothing when it is complete. */
  breakOff(error: unknown): void {
    this.end({ kind: 'broken', error });
  }

  private end(outcome: Outcome): void {
    if (this.outcome) return;
    this.outcome = outcome;
    this.grew();
    if (this.followers > 0) this.onFollowed(false);
  }

  private async *batches(follower: Follower, leave: () => void): AsyncGenerator<readonly StreamEvent[], void> {
    const echo = this.assembler.echo(follower.includeUsage);
    let place = 0;
    try {
      for (;;) {
        if (follower.signal.aborted) throw cancelled();
        const { version, outcome } = this;
        const events = [...echo.more(), ...this.passed.slice(place), ...this.endOf(echo, outcome)];
        place = this.passed.length;
        if (outcome?.kind === 'complete') follower.onComplete();
        if (events.length > 0) yield events;
        if (outcome?.kind === 'broken') throw this.brokenBy(outcome.error);
        if (outcome) return;
        if (version === this.version) await this.news(follower.signal);
      }
    } finally {
      leave();
    }
  }

  private endOf(echo: Echo, outcome: Outcome | null): readonly StreamEvent[] {
    // What was passed on has its end in it.
    if (outcome?.kind !== 'complete' || this.passed.length > 0) return [];
    const end = echo.end();
    return end.length > 0 ? end : [outcome.last];
  }

  private news(signal: Cancellable): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.listeners.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.listeners.add(wake);
      if (signal.aborted) wake();
      else signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** The provider's failure is everybody's; what else ended it is the business of who asked first. */
  private brokenBy(error: unknown): Error {
    if (error instanceof UpstreamError && error.failure !== 'cancelled') return error;
    const text = 'The answer, which came for several requests at once, broke off before its end. Ask again.';
    return new UpstreamError('gateway', 'unavailable', text, { reason: 'shared_answer_ended' });
  }
}

const cancelled = (): UpstreamError =>
  new UpstreamError('gateway', 'cancelled', 'The request has ended before its answer.', { reason: 'client_gone' });
