import type { JsonReply, StreamEvent, StreamReply } from '../../core/reply';
import { AnthropicAssembler } from './anthropic-assembler';
import type { Assembler } from './assembler';
import { LiveAnswer } from './live-answer';
import { OpenAiAssembler } from './openai-assembler';
import { ReadAhead } from './read-ahead';

/** Text of one answer that is held while it passes; a longer answer is not stored. */
export const MAX_ANSWER_CHARS = 262_144;

export type Recording = JsonReply | 'broken' | 'unknown_content' | 'too_large';

/** Who wants to know how a stream is recorded. */
export interface RecordingWatch {
  /** What it came to: after its last event, once. */
  onEnd(recording: Recording): void;
  /** Whether somebody else follows it: then it is read on, whatever its client does. */
  onFollowed?(isFollowed: boolean): void;
}

/** Reads a stream along, synchronously and within bounds, and lets others follow it. */
export class StreamRecorder {
  /** The answer for whoever asks the same meanwhile. */
  readonly live: LiveAnswer;
  private readonly assembler: Assembler;
  private readonly source: ReadAhead;
  private usage: JsonReply['usage'] = null;
  private chars = 0;
  private failure: 'unknown_content' | 'too_large' | null = null;
  private hasEnded = false;

  constructor(
    private readonly reply: StreamReply,
    private readonly watch: RecordingWatch,
  ) {
    this.assembler = reply.dialect === 'anthropic' ? new AnthropicAssembler() : new OpenAiAssembler();
    this.source = new ReadAhead(reply.batches, {
      onBatch: (batch) => this.take(batch),
      onOver: (error) => this.over(error),
    });
    this.live = new LiveAnswer(reply, this.assembler, (isFollowed) => {
      this.source.readOn(isFollowed);
      watch.onFollowed?.(isFollowed);
    });
  }

  /** The stream as the client gets it. */
  recorded(): StreamReply {
    return { ...this.reply, batches: this.source.batches() };
  }

  /** The client takes no more of it. */
  clientLeft(): void {
    this.source.dropClient();
  }

  private take(batch: readonly StreamEvent[]): void {
    for (const event of batch) this.observe(event);
    this.live.grew();
  }

  /** A stream that broke, or that nobody reads any more, came to nothing. */
  private over(error: unknown): void {
    this.end('broken');
    this.live.breakOff(error);
  }

  private observe(event: StreamEvent): void {
    if (this.hasEnded) return;
    this.usage = event.usage ?? this.usage;
    if (event.kind === 'idle') return;
    this.addTo(event);
    if (event.kind !== 'end') return;
    this.end(this.result());
    this.live.complete(event);
  }

  private addTo(event: StreamEvent): void {
    if (!this.failure) {
      this.chars += event.text.length;
      if (this.chars > MAX_ANSWER_CHARS) this.failure = 'too_large';
      else if (!this.assembler.add(event)) this.failure = 'unknown_content';
    }
    if (this.failure) this.live.passOn(event);
  }

  private result(): Recording {
    if (this.failure) return this.failure;
    const complete = this.assembler.complete();
    if (!complete) return 'broken';
    const { dialect, model, warnings } = this.reply;
    return {
      kind: 'json',
      dialect,
      raw: null,
      model,
      usage: this.usage,
      ...complete,
      ...(warnings === undefined ? {} : { warnings }),
    };
  }

  private end(recording: Recording): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.watch.onEnd(recording);
  }
}
