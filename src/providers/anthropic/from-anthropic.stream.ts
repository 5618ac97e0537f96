import type { ChatChunk, ChatDelta, JsonObject } from '../../core/chat';
import type { FinishReason, StreamEvent } from '../../core/reply';
import { asObject, asText, isObject } from './anthropic.wire';
import { canonicalUsage, toolCallId, wireFinish, withoutJsonTool } from './from-anthropic';
import { AnswerExtras } from './from-anthropic.extras';
import { AnthropicStreamReader, type AnthropicEventReading } from './from-anthropic.reader';

export { AnthropicStreamReader, type AnthropicEventReading };

export interface AnthropicStreamOptions {
  /** `AnthropicRequest.jsonTool` of the request. */
  readonly jsonTool: string | null;
  /** `created` of every chunk, in Unix seconds. */
  readonly createdSeconds: number;
  /** Puts `usage: null` on every chunk but the last, as OpenAI does for clients that asked for usage. */
  readonly includeUsage: boolean;
}

/** A block that has begun and not ended. */
interface OpenBlock {
  readonly type: string;
  /** Place among the client's tool calls; null for the stand-in tool and everything that is no tool call. */
  readonly toolIndex: number | null;
  /** `input` of the block's start, used when no piece of it follows. */
  readonly input: JsonObject;
  /** True once a piece of the input was sent on. */
  hasInput: boolean;
  thinking: string;
  signature: string;
  readonly textStart: number;
}

/** Kinds of blocks a canonical answer shows. */
const TOOL_USE = 'tool_use';

/**
 * Anthropic's stream as canonical chunks: role, content, a finish chunk, a usage chunk (always), and the end. Unknown
 * blocks, deltas and events are passed over; the order of the provider's events is the order of the chunks.
 */
export class AnthropicStreamTranslator {
  private readonly reader = new AnthropicStreamReader();
  private readonly extras = new AnswerExtras();
  private readonly blocks = new Map<number, OpenBlock>();
  private clientTools = 0;
  private textLength = 0;
  private finish: FinishReason | null = null;
  private hasStarted = false;

  constructor(private readonly options: AnthropicStreamOptions) {}

  /** The model that answers, once it is known. */
  get model(): string | null {
    return this.reader.model;
  }

  /** True after the end of a complete answer. */
  get isComplete(): boolean {
    return this.reader.isComplete;
  }

  push(event: JsonObject): StreamEvent[] {
    if (this.reader.isComplete) return [];
    const read = this.reader.push(event);
    switch (event['type']) {
      case 'message_start':
        return this.begin(read);
      case 'content_block_start':
        return this.blockStart(event, read);
      case 'content_block_delta':
        return this.blockDelta(event, read);
      case 'content_block_stop':
        return this.blockStop(indexOf(event), read);
      case 'message_delta':
        return this.messageDelta(event, read);
      case 'message_stop':
        return this.end();
      case 'ping':
        return [{ ...read, name: null, data: null, raw: null }];
      default:
        return [];
    }
  }

  private begin(read: AnthropicEventReading): StreamEvent[] {
    if (this.hasStarted) return [];
    this.hasStarted = true;
    const delta: ChatDelta = { role: 'assistant', content: '', refusal: null };
    return [this.event({ ...read, kind: 'lifecycle' }, delta)];
  }

  /** The role chunk comes first, even when the provider left its first event out. */
  private chunks(read: AnthropicEventReading, ...deltas: ChatDelta[]): StreamEvent[] {
    if (deltas.length === 0) return [];
    const first = this.hasStarted ? [] : this.begin({ ...read, text: '', usage: null, finish: null });
    return [...first, ...deltas.map((delta, index) => this.event(index === 0 ? read : { ...read, text: '' }, delta))];
  }

  private blockStart(event: JsonObject, read: AnthropicEventReading): StreamEvent[] {
    const block = asObject(event['content_block']);
    const type = asText(block['type']);
    const isClientTool = type === TOOL_USE && block['name'] !== this.options.jsonTool;
    const open: OpenBlock = {
      type,
      toolIndex: isClientTool ? this.clientTools : null,
      input: asObject(block['input']),
      hasInput: false,
      thinking: asText(block['thinking']),
      signature: asText(block['signature']),
      textStart: this.textLength,
    };
    this.blocks.set(indexOf(event), open);
    if (type === 'text') return this.text(asText(block['text']), read);
    if (type === 'thinking') return this.reasoning(open.thinking, read);
    if (type === 'redacted_thinking') this.extras.addRedactedThinking(block['data']);
    if (!isClientTool) return [];
    this.clientTools += 1;
    const index = this.clientTools - 1;
    const named = { name: asText(block['name']), arguments: '' };
    // The input is counted when it is sent on, at the block's end.
    const start = { ...read, text: '' };
    return this.chunks(start, {
      tool_calls: [{ index, id: toolCallId(block['id'], index), type: 'function', function: named }],
    });
  }

  private blockDelta(event: JsonObject, read: AnthropicEventReading): StreamEvent[] {
    const delta = asObject(event['delta']);
    const block = this.blocks.get(indexOf(event));
    switch (delta['type']) {
      case 'text_delta':
        return this.text(asText(delta['text']), read);
      case 'thinking_delta':
        if (block) block.thinking += asText(delta['thinking']);
        return this.reasoning(asText(delta['thinking']), read);
      case 'signature_delta':
        if (block) block.signature += asText(delta['signature']);
        return [];
      case 'citations_delta':
        this.extras.addCitation(delta['citation'], block?.textStart ?? 0, this.textLength);
        return [];
      case 'input_json_delta':
        return block ? this.input(block, asText(delta['partial_json']), read) : [];
      default:
        return [];
    }
  }

  private text(text: string, read: AnthropicEventReading): StreamEvent[] {
    this.textLength += text.length;
    return text === '' ? [] : this.chunks(read, { content: text });
  }

  private reasoning(thinking: string, read: AnthropicEventReading): StreamEvent[] {
    return thinking === '' ? [] : this.chunks(read, { reasoning_content: thinking });
  }

  /** Pieces of a tool's input. Those of server tools are the provider's own business. */
  private input(block: OpenBlock, json: string, read: AnthropicEventReading): StreamEvent[] {
    if (block.type !== TOOL_USE || json === '') return [];
    block.hasInput = true;
    if (block.toolIndex === null) return this.text(json, read);
    return this.chunks(read, { tool_calls: [{ index: block.toolIndex, function: { arguments: json } }] });
  }

  /** A tool without arguments sends no piece of input at all; its clients want a JSON object nevertheless. */
  private blockStop(index: number, read: AnthropicEventReading): StreamEvent[] {
    const block = this.blocks.get(index);
    if (!block) return [];
    this.blocks.delete(index);
    if (block.type === 'thinking') this.extras.addThinking(block);
    if (block.type !== TOOL_USE || block.hasInput) return [];
    const json = JSON.stringify(block.input);
    return this.input(block, json, { ...read, kind: 'content', text: json });
  }

  private messageDelta(event: JsonObject, read: AnthropicEventReading): StreamEvent[] {
    const { usage, finish } = read;
    const closing = this.closeBlocks(read);
    if (finish === null || this.finish !== null) return closing;
    return [...closing, ...this.finishChunks(finish, { ...read, usage }, asObject(event['delta'])['stop_details'])];
  }

  private closeBlocks(read: AnthropicEventReading): StreamEvent[] {
    const plain = { ...read, usage: null, finish: null, text: '' };
    return [...this.blocks.keys()].flatMap((index) => this.blockStop(index, plain));
  }

  private finishChunks(finish: FinishReason, read: AnthropicEventReading, stopDetails: unknown): StreamEvent[] {
    this.finish = withoutJsonTool(finish, this.clientTools, this.options.jsonTool);
    const content: AnthropicEventReading = { ...read, kind: 'content', text: '', finish: null };
    const extras = this.extras.fields();
    const before = Object.keys(extras).length > 0 ? this.chunks({ ...content, usage: null }, extras) : [];
    const start = this.hasStarted ? [] : this.begin({ ...content, usage: null });
    const last = this.event({ ...content, finish: this.finish }, {}, this.finish, stopDetails);
    return [...start, ...before, last];
  }

  private end(): StreamEvent[] {
    const nothing: AnthropicEventReading = { kind: 'end', usage: null, text: '', finish: null };
    const closing = this.closeBlocks(nothing);
    const finishing = this.finish === null ? this.finishChunks('other', nothing, null) : [];
    const totals = this.reader.totals;
    const usage: StreamEvent[] = totals
      ? [
          {
            kind: 'usage',
            name: null,
            data: { ...this.chunk(), choices: [], usage: canonicalUsage(totals) },
            raw: null,
            usage: totals,
            text: '',
            finish: null,
          },
        ]
      : [];
    return [...closing, ...finishing, ...usage, { ...nothing, name: null, data: null, raw: null }];
  }

  private event(
    read: AnthropicEventReading,
    delta: ChatDelta,
    finish: FinishReason | null = null,
    stopDetails: unknown = null,
  ): StreamEvent {
    const chunk = this.chunk();
    chunk.choices.push({
      index: 0,
      delta,
      logprobs: null,
      finish_reason: finish === null ? null : wireFinish(finish),
      ...(isObject(stopDetails) ? { stop_details: stopDetails } : {}),
    });
    return { ...read, name: null, data: chunk, raw: null };
  }

  private chunk(): ChatChunk {
    return {
      id: this.reader.id ?? 'msg_unknown',
      object: 'chat.completion.chunk',
      created: this.options.createdSeconds,
      model: this.reader.model ?? '',
      choices: [],
      ...(this.options.includeUsage ? { usage: null } : {}),
    };
  }
}

const indexOf = (event: JsonObject): number => (typeof event['index'] === 'number' ? event['index'] : 0);
