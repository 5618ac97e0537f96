import type { Attempt, GatewayContext } from '../core/context';
import { StreamCutoffError } from '../core/errors';
import type { StreamEvent, StreamReply } from '../core/reply';
import type { TokenUsage } from '../core/tokens';
import type { BegunStream } from './first-chunk';
import { isFiltered } from './refusal';
import type { StreamsConfig } from './streams.config';

/** How long a stream that nobody reads any more may take to end. */
const DRAIN_MS = 10_000;

/** What becomes of a stream's call; each is told at most once, and one of them always. */
export interface StreamEnd {
  succeeded(usage: TokenUsage | null): void;
  /** `usage`: what the provider had said until then. */
  failed(error: unknown, usage: TokenUsage | null): void;
  /** Last, however it ended. */
  released(): void;
}

/** A stream on its way to the client, with the attempt's meter reading along. */
export class MeteredStream {
  private usage: TokenUsage | null = null;
  private isEnding = false;

  constructor(
    private readonly context: GatewayContext,
    private readonly attempt: Attempt,
    private readonly policy: StreamsConfig,
    private readonly end: StreamEnd,
  ) {}

  /** The same stream; it throws `StreamCutoffError` when it outruns what was paid for it. */
  of(reply: StreamReply, begun: BegunStream): StreamReply {
    const { kind, dialect, model, warnings } = reply;
    return { kind, dialect, model, warnings, isRefusal: isFiltered(begun.held), batches: this.batches(begun) };
  }

  private async *batches(begun: BegunStream): AsyncGenerator<readonly StreamEvent[], void> {
    const release = this.policy.on_disconnect === 'drain' ? this.lingering() : undefined;
    try {
      yield this.read(begun.held);
      for (let next = await begun.rest.next(); !next.done; next = await begun.rest.next()) yield this.read(next.value);
    } catch (error) {
      this.end.failed(error, this.usage);
      throw error;
    } finally {
      this.end.released();
      // Not waited for: the request may end before the provider's connection has.
      const rest = begun.rest.return?.();
      release?.();
      await rest;
    }
  }

  private read(batch: readonly StreamEvent[]): readonly StreamEvent[] {
    for (const event of batch) {
      this.attempt.observe(event);
      this.usage = event.usage ?? this.usage;
      // What is complete is not worth cutting: it has cost what it has cost.
      this.isEnding ||= event.finish !== null || event.kind === 'usage' || event.kind === 'end';
      if (event.kind === 'end') this.end.succeeded(this.usage);
    }
    if (this.policy.cutoff && !this.isEnding && this.attempt.isOverrun?.()) throw new StreamCutoffError();
    return batch;
  }

  /** Keeps the request from ending with its client until the stream has, within a bound. */
  private lingering(): () => void {
    let endRequest: (() => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    this.context.linger((end) => {
      endRequest = end;
      timer = setTimeout(end, DRAIN_MS);
    });
    return () => {
      clearTimeout(timer);
      this.context.linger(undefined);
      endRequest?.();
    };
  }
}
