import type { JsonObject } from '../../core/chat';
import type { FinishReason, StreamEvent, StreamEventKind } from '../../core/reply';
import type { SseEvent } from '../../core/sse-parser';
import type { TokenUsage } from '../../core/tokens';
import { asObject, streamError } from '../upstream/http-error';
import { ChunkTemplate } from './chunk-template';
import { brokenReply, eventObject, type RunOfEvents, type StreamReader } from '../upstream/read-reply';

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.floor(value) : 0);

/** OpenAI's `usage` object and the service tier beside it; null when there is none. Compatible servers leave out the details. */
export function openAiUsage(usage: unknown, serviceTier?: unknown): TokenUsage | null {
  const object = asObject(usage);
  if (!object) return null;
  const input = asObject(object['prompt_tokens_details']) ?? {};
  const output = asObject(object['completion_tokens_details']) ?? {};
  // `{}` and all zeros come from servers that do not count: no figure is better than a free answer.
  if (count(object['prompt_tokens']) + count(object['completion_tokens']) === 0) return null;
  return {
    inputTokens: count(object['prompt_tokens']),
    cacheReadTokens: count(input['cached_tokens'] ?? object['prompt_cache_hit_tokens']),
    cacheWrite5mTokens: count(input['cache_write_tokens']),
    cacheWrite1hTokens: 0,
    inputAudioTokens: count(input['audio_tokens']),
    inputImageTokens: count(input['image_tokens']),
    outputTokens: count(object['completion_tokens']),
    reasoningTokens: count(output['reasoning_tokens']),
    outputAudioTokens: count(output['audio_tokens']),
    outputImageTokens: count(output['image_tokens']),
    webSearches: 0,
    serviceTier: typeof serviceTier === 'string' ? serviceTier : undefined,
  };
}

const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  eos: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};

export const openAiFinish = (reason: unknown): FinishReason | null =>
  typeof reason === 'string' ? (FINISH[reason] ?? 'other') : null;

/** The finish reason of a complete answer: that of its first choice. */
export function completionFinish(completion: JsonObject): FinishReason {
  const choices = completion['choices'];
  const first = Array.isArray(choices) ? asObject(choices[0]) : null;
  return openAiFinish(first?.['finish_reason']) ?? 'other';
}

const str = (value: unknown): string => (typeof value === 'string' ? value : '');

/** All text a delta adds: content, reasoning under any of its names, refusal, names and arguments of calls. */
function deltaText(delta: JsonObject): string {
  let text = str(delta['content']) + str(delta['reasoning_content']) + str(delta['reasoning']) + str(delta['refusal']);
  const calls = delta['tool_calls'];
  if (calls === undefined && delta['function_call'] === undefined) return text;
  const functions = Array.isArray(calls) ? calls.map((call) => asObject(call)?.['function']) : [];
  for (const call of [...functions, delta['function_call']]) {
    const target = asObject(call);
    if (target) text += str(target['name']) + str(target['arguments']);
  }
  return text;
}

const isFilled = (value: unknown): boolean => {
  if (value === null || value === undefined || value === '') return false;
  return !Array.isArray(value) || value.length > 0;
};

/** A delta has content when anything but the role is in it: what we do not know counts too. */
function hasContent(delta: JsonObject): boolean {
  for (const key in delta) if (key !== 'role' && isFilled(delta[key])) return true;
  return false;
}

/** Chunks that add text to their choice and say nothing else, as if they had been one. */
class TextRun implements StreamEvent {
  readonly kind = 'content';
  readonly name = null;
  readonly usage = null;
  readonly finish = null;
  readonly isTextOnly = true;
  private parsed: JsonObject | undefined;

  constructor(
    private readonly provider: string,
    readonly raw: Buffer,
    private readonly json: string,
    readonly text: string,
  ) {}

  get data(): JsonObject {
    return (this.parsed ??= eventObject(this.provider, this.json));
  }
}

/** What Azure repeats beside every text: said once for several, it says the same. */
const REPEATED = 'content_filter_results';

/** One choice, whose delta has a `content`, and nothing else in either that is filled: no figures, no end, no probabilities. */
function isOnlyText(data: JsonObject, { text, usage, finish }: StreamEvent): boolean {
  if (text === '' || usage !== null || finish !== null || isFilled(data['usage'])) return false;
  const choices = data['choices'];
  const choice = Array.isArray(choices) && choices.length === 1 ? asObject(choices[0]) : null;
  const delta = asObject(choice?.['delta']);
  if (!choice || !delta || delta['content'] !== text) return false;
  const hasOnly = (object: JsonObject, ...names: string[]): boolean =>
    Object.keys(object).every((key) => names.includes(key) || !isFilled(object[key]));
  return hasOnly(choice, 'index', 'delta', REPEATED) && hasOnly(delta, 'content');
}

/** `[DONE]` with any blanks that a server puts around it. */
const LONGEST_DONE = 64;

/** Reads a Chat Completions stream. The answer is complete after `[DONE]`, or when every choice has finished. */
export class OpenAiStreamReader implements StreamReader {
  model: string | null = null;
  private readonly open = new Set<unknown>();
  private hasFinished = false;
  private isDone = false;
  private hasBegun = false;
  private readonly template = new ChunkTemplate();

  constructor(private readonly provider: string) {}

  push(event: SseEvent): readonly StreamEvent[] {
    if (this.isDone) return [];
    if (event.data === null) return [this.event('idle', event, null)];
    if (event.data.length < LONGEST_DONE && event.data.trim() === '[DONE]') return [this.end(event.raw)];
    const data = eventObject(this.provider, event.data);
    if (isFilled(data['error']) || event.name === 'error') throw streamError(this.provider, 'openai', data);
    const chunk = this.chunk(event, data);
    if (isOnlyText(data, chunk)) this.template.learn(event.data, chunk.text);
    return [chunk];
  }

  run(bytes: Buffer, start: number): RunOfEvents | null {
    const run = this.isDone ? null : this.template.runAt(bytes, start);
    return run && new TextRun(this.provider, bytes.subarray(start, run.end), run.json, run.text);
  }

  finish(): readonly StreamEvent[] {
    if (this.isDone) return [];
    if (this.hasFinished && this.open.size === 0) return [this.end(Buffer.from('data: [DONE]\n\n'))];
    if (!this.hasBegun) throw brokenReply(this.provider, 'empty', 'ended the stream before it began');
    throw brokenReply(this.provider, 'truncated', 'ended the stream in the middle of the answer');
  }

  private end(raw: Buffer): StreamEvent {
    if (!this.hasBegun) throw brokenReply(this.provider, 'empty', 'ended the stream before it began');
    this.isDone = true;
    return { kind: 'end', name: null, data: null, raw, usage: null, text: '', finish: null };
  }

  private event(kind: StreamEventKind, event: SseEvent, data: JsonObject | null): StreamEvent {
    return { kind, name: event.name, data, raw: event.raw, usage: null, text: '', finish: null };
  }

  private chunk(event: SseEvent, data: JsonObject): StreamEvent {
    this.hasBegun = true;
    if (this.model === null && typeof data['model'] === 'string' && data['model'] !== '') this.model = data['model'];
    const usage = openAiUsage(data['usage'], data['service_tier']);
    const choices = Array.isArray(data['choices']) ? data['choices'] : [];
    let text = '';
    let finish: FinishReason | null = null;
    let isContent = false;
    for (const item of choices) {
      const choice = asObject(item) ?? {};
      const delta = asObject(choice['delta']) ?? {};
      text += deltaText(delta) + str(choice['text']);
      isContent ||= hasContent(delta) || isFilled(choice['finish_reason']);
      finish = this.track(choice) ?? finish;
    }
    const kind = chunkKind(choices.length, isContent, usage !== null);
    return { kind, name: event.name, data, raw: event.raw, usage, text, finish };
  }

  /** Follows which choices are still being written. */
  private track(choice: JsonObject): FinishReason | null {
    const index = choice['index'] ?? 0;
    const finish = openAiFinish(choice['finish_reason']);
    if (finish === null) {
      this.open.add(index);
      return null;
    }
    this.open.delete(index);
    this.hasFinished = true;
    return finish;
  }
}

function chunkKind(choices: number, isContent: boolean, hasUsage: boolean): StreamEventKind {
  if (isContent) return 'content';
  return choices === 0 && hasUsage ? 'usage' : 'lifecycle';
}
