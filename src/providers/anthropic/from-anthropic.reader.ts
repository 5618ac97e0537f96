import type { JsonObject } from '../../core/chat';
import type { StreamEvent, StreamEventKind } from '../../core/reply';
import type { TokenUsage } from '../../core/tokens';
import { asObject, asText, isObject } from './anthropic.wire';
import { anthropicFinish, anthropicUsage, mergeAnthropicUsage } from './from-anthropic';

export type AnthropicEventReading = Omit<StreamEvent, 'raw' | 'name' | 'data'>;

/** Follows a stream of Anthropic's events: what each one is, what the answer has used so far, and whether it is complete. */
export class AnthropicStreamReader {
  private usage: JsonObject | null = null;
  private hasContent = false;
  private complete = false;
  private messageId: string | null = null;
  private modelName: string | null = null;

  /** True after `message_stop`: a stream that ends without it was cut. */
  get isComplete(): boolean {
    return this.complete;
  }

  /** The model that answers, in the provider's words, once it has said so. */
  get model(): string | null {
    return this.modelName;
  }

  get id(): string | null {
    return this.messageId;
  }

  /** Running totals; null before the provider told any. */
  get totals(): TokenUsage | null {
    return anthropicUsage(this.usage);
  }

  push(event: JsonObject): AnthropicEventReading {
    switch (event['type']) {
      case 'message_start':
        return this.start(asObject(event['message']));
      case 'content_block_start':
        return this.blockStart(asObject(event['content_block']));
      case 'content_block_delta':
        return this.produced(producedText(asObject(event['delta'])));
      case 'content_block_stop':
        return this.produced('');
      case 'message_delta':
        return this.messageDelta(event);
      case 'message_stop':
        this.complete = true;
        return reading('end');
      default:
        return reading('idle');
    }
  }

  private start(message: JsonObject): AnthropicEventReading {
    const { id, model, usage } = message;
    this.messageId ??= asText(id) || null;
    this.modelName ??= asText(model) || null;
    if (!isObject(usage)) return reading('lifecycle');
    this.usage ??= usage;
    return { ...reading('lifecycle'), usage: this.totals };
  }

  private blockStart(block: JsonObject): AnthropicEventReading {
    const { type, text, thinking, input } = block;
    if (type === 'text') return this.produced(asText(text));
    this.hasContent = true;
    const hasInput = isObject(input) && Object.keys(input).length > 0;
    return this.produced(hasInput ? JSON.stringify(input) : asText(thinking));
  }

  /** Nothing counts as content before the first piece of it, so that a failure until then can still be hidden. */
  private produced(text: string): AnthropicEventReading {
    this.hasContent ||= text !== '';
    return { ...reading(this.hasContent ? 'content' : 'lifecycle'), text };
  }

  private messageDelta(event: JsonObject): AnthropicEventReading {
    const finish = anthropicFinish(asObject(event['delta'])['stop_reason']);
    const { usage } = event;
    if (!isObject(usage)) return { ...reading('content'), finish };
    this.usage = mergeAnthropicUsage(this.usage, usage);
    return { ...reading('usage'), finish, usage: this.totals };
  }
}

const reading = (kind: StreamEventKind): AnthropicEventReading => ({ kind, usage: null, text: '', finish: null });

/** What a delta adds to the answer, in whatever kind of block. Signatures and citations add nothing the model is paid for. */
function producedText(delta: JsonObject): string {
  switch (delta['type']) {
    case 'text_delta':
      return asText(delta['text']);
    case 'input_json_delta':
      return asText(delta['partial_json']);
    case 'thinking_delta':
      return asText(delta['thinking']);
    case 'compaction_delta':
      return asText(delta['content']);
    default:
      return '';
  }
}
