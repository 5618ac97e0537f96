import type { JsonReply, StreamEvent, StreamReply } from '../../core/reply';
import { AnthropicAssembler } from './anthropic-assembler';
import type { Assembler } from './assembler';
import { OpenAiAssembler } from './openai-assembler';

/** Text of one answer that is held while it passes; a longer answer is not stored. */
export const MAX_ANSWER_CHARS = 262_144;

export type Recording = JsonReply | 'broken' | 'unknown_content' | 'too_large';

/** Reads a stream along, synchronously and within bounds, and tells what it came to: after its last event, once. */
export class StreamRecorder {
  private readonly assembler: Assembler;
  private usage: JsonReply['usage'] = null;
  private chars = 0;
  private failure: 'unknown_content' | 'too_large' | null = null;
  private hasEnded = false;

  constructor(
    private readonly reply: StreamReply,
    private readonly onEnd: (recording: Recording) => void,
  ) {
    this.assembler = reply.dialect === 'anthropic' ? new AnthropicAssembler() : new OpenAiAssembler();
  }

  /** The stream as the client gets it. */
  recorded(): StreamReply {
    return { ...this.reply, batches: this.batches() };
  }

  private async *batches(): AsyncGenerator<readonly StreamEvent[], void> {
    try {
      for await (const batch of this.reply.batches) {
        for (const event of batch) this.observe(event);
        yield batch;
      }
    } finally {
      // A stream that broke, or that nobody reads any more, came to nothing.
      this.end('broken');
    }
  }

  private observe(event: StreamEvent): void {
    if (this.hasEnded) return;
    this.usage = event.usage ?? this.usage;
    if (event.kind === 'end') {
      this.addTo(event);
      this.end(this.result());
      return;
    }
    if (event.kind !== 'idle') this.addTo(event);
  }

  private addTo(event: StreamEvent): void {
    if (this.failure) return;
    this.chars += event.text.length;
    if (this.chars > MAX_ANSWER_CHARS) this.failure = 'too_large';
    else if (!this.assembler.add(event)) this.failure = 'unknown_content';
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
    this.onEnd(recording);
  }
}
