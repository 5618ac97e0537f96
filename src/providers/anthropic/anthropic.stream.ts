import type { JsonObject } from '../../core/chat';
import type { StreamEvent } from '../../core/reply';
import type { SseEvent } from '../../core/sse-parser';
import { streamError } from '../upstream/http-error';
import { brokenReply, eventObject, type StreamReader } from '../upstream/read-reply';
import { AnthropicStreamReader, AnthropicStreamTranslator } from './from-anthropic.stream';

/** What the pass-through and the translation share: parsing, error events, and the check that the answer was complete. */
abstract class AnthropicReader implements StreamReader {
  protected isDone = false;
  private hasBegun = false;

  constructor(private readonly provider: string) {}

  abstract get model(): string | null;

  push(event: SseEvent): readonly StreamEvent[] {
    if (this.isDone) return [];
    if (event.data === null) return [this.idle(event)];
    const data = eventObject(this.provider, event.data);
    if (data['type'] === 'error') throw streamError(this.provider, 'anthropic', data);
    this.hasBegun = true;
    const events = this.read(data, event);
    this.isDone = events.at(-1)?.kind === 'end';
    return events;
  }

  finish(): readonly StreamEvent[] {
    if (this.isDone) return [];
    if (!this.hasBegun) throw brokenReply(this.provider, 'empty', 'ended the stream before it began');
    throw brokenReply(this.provider, 'truncated', 'ended the stream in the middle of the answer');
  }

  protected idle(event: SseEvent): StreamEvent {
    return { kind: 'idle', name: event.name, data: null, raw: event.raw, usage: null, text: '', finish: null };
  }

  protected abstract read(data: JsonObject, event: SseEvent): readonly StreamEvent[];
}

/** Anthropic's stream for an Anthropic client: every event travels as it came. */
export class AnthropicNativeReader extends AnthropicReader {
  private readonly reader = new AnthropicStreamReader();

  override get model(): string | null {
    return this.reader.model;
  }

  protected override read(data: JsonObject, event: SseEvent): readonly StreamEvent[] {
    return [{ ...this.reader.push(data), name: event.name, data, raw: event.raw }];
  }
}

/** Anthropic's stream for a client of another dialect. */
export class AnthropicTranslatingReader extends AnthropicReader {
  private readonly translator: AnthropicStreamTranslator;

  constructor(provider: string, options: ConstructorParameters<typeof AnthropicStreamTranslator>[0]) {
    super(provider);
    this.translator = new AnthropicStreamTranslator(options);
  }

  override get model(): string | null {
    return this.translator.model;
  }

  protected override read(data: JsonObject): readonly StreamEvent[] {
    return this.translator.push(data);
  }

  /** A ping without data of its own kind of event: nothing in the other dialect. */
  protected override idle(): StreamEvent {
    return { kind: 'idle', name: null, data: null, raw: null, usage: null, text: '', finish: null };
  }
}
