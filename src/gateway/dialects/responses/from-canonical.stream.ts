import type { JsonObject } from '../../../core/chat';
import type { FinishReason, StreamEvent } from '../../../core/reply';
import { plainUsage, type TokenUsage } from '../../../core/tokens';
import { readContent } from '../anthropic/from-canonical.parts';
import { readCanonicalUsage } from '../anthropic/from-canonical.usage';
import { canonicalFinish } from '../anthropic/from-canonical.words';
import { asObject, asText, isObject } from '../anthropic/to-canonical.fields';
import { CallDeltas } from './from-canonical.calls';
import { MessageItem, ReasoningItem, type ItemPlace } from './from-canonical.items';
import {
  annotationOf,
  endStatus,
  headOf,
  IN_PROGRESS,
  responseObject,
  responseUsage,
  wantsReasoningBack,
  type ResponseHead,
  type ResponseState,
} from './response-object';

export interface ResponsesEventWriterOptions {
  /** The request, of which the answer repeats a part. */
  readonly asked: Readonly<JsonObject>;
  /** Tokens of the prompt as estimated, reported when the provider never says; null: then usage is null. */
  readonly inputTokensEstimate: number | null;
}

/** Letters of a token in English prose: what an answer is counted by when the provider never says. */
const CHARS_PER_TOKEN = 4;

/**
 * Turns canonical stream events into those of the Responses API, numbered and in its order: items are added, told and
 * done; reasoning, words and calls are items of their own. Only the first choice has a place in the dialect.
 */
export class ResponsesEventWriter {
  private events: JsonObject[] = [];
  private sequence = 0;
  private head: ResponseHead | null = null;
  private readonly output: JsonObject[] = [];
  private reasoning: ReasoningItem | null = null;
  private reasoningIndex = -1;
  private message: MessageItem | null = null;
  private messageIndex = -1;
  private readonly calls = new CallDeltas(() => this.place());
  private finish: FinishReason | null = null;
  private usage: TokenUsage | null = null;
  private writtenChars = 0;
  private hasEnded = false;

  constructor(private readonly options: ResponsesEventWriterOptions) {}

  /** The number the next event of this stream has. */
  get nextSequenceNumber(): number {
    return this.sequence;
  }

  push(event: StreamEvent): JsonObject[] {
    if (this.hasEnded || event.kind === 'idle') return [];
    const chunk = asObject(event.data);
    this.writtenChars += event.text.length;
    this.usage = event.usage ?? readCanonicalUsage(chunk['usage']) ?? this.usage;
    const choice = firstChoice(chunk);
    if (choice) {
      this.start(chunk);
      this.choice(choice);
    }
    if (event.kind === 'end') this.end();
    const written = this.events;
    this.events = [];
    return written;
  }

  private readonly emit = (type: string, fields: JsonObject): void => {
    this.events.push({ type, sequence_number: this.sequence, ...fields });
    this.sequence += 1;
  };

  /** The place of a new item; what it becomes is filled in when it is done. */
  private place(): ItemPlace {
    this.output.push({});
    return { emit: this.emit, outputIndex: this.output.length - 1, responseId: this.head?.id ?? 'unknown' };
  }

  private start(chunk: JsonObject): ResponseHead {
    if (this.head) return this.head;
    this.head = headOf(chunk, this.options.asked);
    this.emit('response.created', { response: responseObject(this.head, IN_PROGRESS) });
    this.emit('response.in_progress', { response: responseObject(this.head, IN_PROGRESS) });
    return this.head;
  }

  private choice(choice: JsonObject): void {
    const delta = asObject(choice['delta']);
    const words = readContent(delta['content']);
    this.think(asText(delta['reasoning_content']) || asText(delta['reasoning']) || words.thinking);
    this.keepThinking(delta['thinking_blocks']);
    const { content: logprobs } = asObject(choice['logprobs']);
    this.say('output_text', words.text, Array.isArray(logprobs) ? logprobs : []);
    this.annotate(delta['annotations']);
    this.say('refusal', asText(delta['refusal']), []);
    const calls = Array.isArray(delta['tool_calls']) ? delta['tool_calls'].filter(isObject) : [];
    if (calls.length > 0) this.endWords();
    for (const call of calls) this.calls.push(call);
    this.finish ??= canonicalFinish(choice['finish_reason']);
  }

  private think(text: string): void {
    if (text === '') return;
    this.openReasoning().add(text);
  }

  private keepThinking(blocks: unknown): void {
    if (!Array.isArray(blocks) || blocks.length === 0 || !wantsReasoningBack(this.options.asked)) return;
    this.openReasoning().keep(blocks);
  }

  private openReasoning(): ReasoningItem {
    if (this.reasoning && !this.reasoning.isDone) return this.reasoning;
    const place = this.place();
    this.reasoningIndex = place.outputIndex;
    this.reasoning = new ReasoningItem(place);
    return this.reasoning;
  }

  /** Its signed blocks come late, so a client that wants them back gets the item when the answer ends. */
  private endReasoning(): void {
    this.reasoning?.closeSummary();
    if (!wantsReasoningBack(this.options.asked)) this.closeReasoning();
  }

  private closeReasoning(): void {
    if (!this.reasoning || this.reasoning.isDone) return;
    this.output[this.reasoningIndex] = this.reasoning.close();
  }

  private say(kind: 'output_text' | 'refusal', text: string, logprobs: readonly unknown[]): void {
    if (text !== '') this.openMessage().add(kind, text, logprobs);
  }

  private annotate(annotations: unknown): void {
    if (!Array.isArray(annotations) || annotations.length === 0) return;
    this.message?.annotate(annotations.map(annotationOf));
  }

  private openMessage(): MessageItem {
    if (this.message && !this.message.isDone) return this.message;
    this.endReasoning();
    const place = this.place();
    this.messageIndex = place.outputIndex;
    this.message = new MessageItem(place);
    return this.message;
  }

  private endWords(): void {
    this.endReasoning();
    this.closeMessage('completed');
  }

  private closeMessage(status: 'completed' | 'incomplete'): void {
    if (!this.message || this.message.isDone) return;
    this.output[this.messageIndex] = this.message.close(status);
  }

  private end(): void {
    this.hasEnded = true;
    const head = this.start({});
    const { status, incompleteReason } = endStatus(this.finish);
    const itemStatus = status === 'incomplete' ? 'incomplete' : 'completed';
    this.closeReasoning();
    if (!this.message && !this.calls.hasCalls) this.openMessage();
    this.closeMessage(itemStatus);
    for (const { outputIndex, item } of this.calls.close(itemStatus)) this.output[outputIndex] = item;
    const state: ResponseState = { status, incompleteReason, output: this.output, usage: this.usageObject() };
    this.emit(`response.${status}`, { response: responseObject(head, state) });
  }

  private usageObject(): JsonObject | null {
    if (this.usage) return responseUsage(this.usage);
    const { inputTokensEstimate: inputTokens } = this.options;
    if (inputTokens === null) return null;
    return responseUsage(plainUsage(inputTokens, Math.ceil(this.writtenChars / CHARS_PER_TOKEN)));
  }
}

function firstChoice(chunk: JsonObject): JsonObject | null {
  const { choices } = chunk;
  if (!Array.isArray(choices)) return null;
  return choices.filter(isObject).find((choice) => (choice['index'] ?? 0) === 0) ?? null;
}
