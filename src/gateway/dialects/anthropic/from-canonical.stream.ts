import type { JsonObject } from '../../../core/chat';
import type { FinishReason, StreamEvent } from '../../../core/reply';
import { plainUsage, type TokenUsage } from '../../../core/tokens';
import { BlockWriter } from './from-canonical.blocks';
import { readContent } from './from-canonical.parts';
import { ToolCallWriter } from './from-canonical.tools';
import { messageUsage, readCanonicalUsage } from './from-canonical.usage';
import { canonicalFinish, messageId, toStopReason } from './from-canonical.words';
import { asObject, asText, isObject } from './to-canonical.fields';

export interface AnthropicEventWriterOptions {
  /** Tokens of the prompt as estimated: `message_start` must name a figure before the provider has one. */
  readonly inputTokensEstimate: number;
}

/** Letters of a token in English prose: what an answer is counted by when the provider never says. */
const CHARS_PER_TOKEN = 4;

/**
 * Turns canonical stream events into Anthropic's. `message_delta` waits for the usage chunk, which OpenAI sends after the
 * finish reason, or for the end. Only the first choice has a place in the dialect.
 */
export class AnthropicEventWriter {
  private readonly blocks = new BlockWriter();
  private readonly held: { readonly kind: 'thinking' | 'text'; readonly text: string }[] = [];
  private readonly tools = new ToolCallWriter(this.blocks);
  private hasStarted = false;
  private hasEnded = false;
  private hasDelta = false;
  private isRefusal = false;
  private finish: FinishReason | null = null;
  private usage: TokenUsage | null = null;
  private writtenChars = 0;

  constructor(private readonly options: AnthropicEventWriterOptions) {}

  push(event: StreamEvent): JsonObject[] {
    if (this.hasEnded) return [];
    if (event.kind === 'idle') return this.hasStarted ? [{ type: 'ping' }] : [];
    this.writtenChars += event.text.length;
    const chunk = asObject(event.data);
    this.usage = event.usage ?? readCanonicalUsage(chunk['usage']) ?? this.usage;
    if (event.kind === 'end') return this.end();
    const choice = firstChoice(chunk);
    const events = choice ? [...this.start(chunk), ...this.choice(choice)] : [];
    if (event.kind === 'usage' && this.finish !== null && this.usage !== null) events.push(...this.messageDelta());
    return events;
  }

  private start(chunk: JsonObject): JsonObject[] {
    if (this.hasStarted) return [];
    this.hasStarted = true;
    const usage = this.usage ?? plainUsage(this.options.inputTokensEstimate, 0);
    return [
      {
        type: 'message_start',
        message: {
          id: messageId(chunk['id']),
          type: 'message',
          role: 'assistant',
          model: asText(chunk['model']),
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: messageUsage({ ...usage, outputTokens: 0 }),
        },
      },
    ];
  }

  private choice(choice: JsonObject): JsonObject[] {
    const delta = asObject(choice['delta']);
    const words = readContent(delta['content']);
    const refusal = asText(delta['refusal']);
    this.isRefusal ||= refusal !== '';
    const reasoning = asText(delta['reasoning_content']) || asText(delta['reasoning']) || words.thinking;
    const events = [
      ...this.words('thinking', reasoning),
      ...this.words('text', words.text),
      ...this.words('text', refusal),
    ];
    const calls = delta['tool_calls'];
    if (Array.isArray(calls)) for (const call of calls) events.push(...this.tools.push(call));
    const finish = canonicalFinish(choice['finish_reason']);
    if (finish === null) return events;
    this.finish ??= finish;
    return [...events, ...this.closeBlocks()];
  }

  /** Words in the middle of a call's arguments wait until the call is over; a block may not be taken up again. */
  private words(kind: 'thinking' | 'text', text: string): JsonObject[] {
    if (text === '') return [];
    if (this.tools.isBusy) {
      this.held.push({ kind, text });
      return [];
    }
    return [...this.tools.finish(), ...this.blocks[kind](text)];
  }

  private closeBlocks(): JsonObject[] {
    const held = this.held.splice(0);
    return [
      ...this.tools.finish(),
      ...held.flatMap(({ kind, text }) => this.blocks[kind](text)),
      ...this.blocks.close(),
    ];
  }

  private messageDelta(): JsonObject[] {
    if (this.hasDelta) return [];
    this.hasDelta = true;
    const stopReason = toStopReason(this.finish, this.tools.hasCalls, this.isRefusal);
    return [
      {
        type: 'message_delta',
        delta: { stop_reason: stopReason, stop_sequence: null },
        usage: messageUsage(this.usage ?? this.estimate()),
      },
    ];
  }

  private estimate(): TokenUsage {
    return plainUsage(this.options.inputTokensEstimate, Math.ceil(this.writtenChars / CHARS_PER_TOKEN));
  }

  private end(): JsonObject[] {
    this.hasEnded = true;
    return [...this.start({}), ...this.closeBlocks(), ...this.messageDelta(), { type: 'message_stop' }];
  }
}

function firstChoice(chunk: JsonObject): JsonObject | null {
  const { choices } = chunk;
  if (!Array.isArray(choices)) return null;
  return choices.filter(isObject).find((choice) => (choice['index'] ?? 0) === 0) ?? null;
}
