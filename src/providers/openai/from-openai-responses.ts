import type { JsonObject } from '../../core/chat';
import type { FinishReason, JsonReply, StreamEvent, StreamEventKind } from '../../core/reply';
import type { SseEvent } from '../../core/sse-parser';
import type { TokenUsage } from '../../core/tokens';
import { asObject, readErrorBody, streamError } from '../upstream/http-error';
import { brokenReply, eventObject, type StreamReader } from '../upstream/read-reply';

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.floor(value) : 0);

/** The `usage` of a response object; null when there is none. Searches are billed by the call and counted from the output. */
function usageOf(response: JsonObject): TokenUsage | null {
  const usage = asObject(response['usage']);
  if (!usage) return null;
  const input = asObject(usage['input_tokens_details']) ?? {};
  const output = asObject(usage['output_tokens_details']) ?? {};
  return {
    inputTokens: count(usage['input_tokens']),
    cacheReadTokens: count(input['cached_tokens']),
    cacheWrite5mTokens: count(input['cache_write_tokens']),
    cacheWrite1hTokens: 0,
    inputAudioTokens: count(input['audio_tokens']),
    inputImageTokens: count(input['image_tokens']),
    outputTokens: count(usage['output_tokens']),
    reasoningTokens: count(output['reasoning_tokens']),
    outputAudioTokens: count(output['audio_tokens']),
    outputImageTokens: count(output['image_tokens']),
    webSearches: outputOf(response).filter(isSearch).length,
    serviceTier: typeof response['service_tier'] === 'string' ? response['service_tier'] : undefined,
  };
}

const outputOf = (response: JsonObject): readonly unknown[] =>
  Array.isArray(response['output']) ? response['output'] : [];

/** Opening a page and finding a word in it belong to the search that found it. */
function isSearch(value: unknown): boolean {
  const item = asObject(value);
  if (item?.['type'] !== 'web_search_call') return false;
  return (asObject(item['action'])?.['type'] ?? 'search') === 'search';
}

function finishOf(response: JsonObject): FinishReason {
  if (response['status'] === 'incomplete') {
    return asObject(response['incomplete_details'])?.['reason'] === 'content_filter' ? 'content_filter' : 'length';
  }
  return outputOf(response).some((item) => asObject(item)?.['type'] === 'function_call') ? 'tool_calls' : 'stop';
}

const modelOf = (response: JsonObject): string | null =>
  typeof response['model'] === 'string' && response['model'] !== '' ? response['model'] : null;

/** What a failed response or an error event says, in the form of an HTTP error's body. */
function failureBody(data: JsonObject): JsonObject {
  const { message, type, code } = readErrorBody(data);
  const isEvent = type === null || type === 'error';
  return { error: { message, type: isEvent ? 'server_error' : type, param: null, code } };
}

/** A complete response object. One that failed under a 200 throws `UpstreamError`, as its status would have. */
export function readResponse(
  provider: string,
  { raw, value }: { readonly raw: Buffer; readonly value: JsonObject },
  asked: string,
): JsonReply {
  if (!Array.isArray(value['output'])) {
    throw brokenReply(provider, 'malformed', 'answered with JSON that is no response object');
  }
  const { status } = value;
  if (status === 'failed' || status === 'cancelled') throw streamError(provider, 'openai', failureBody(value));
  const model = modelOf(value) ?? asked;
  return { kind: 'json', dialect: 'responses', raw, value, model, usage: usageOf(value), finish: finishOf(value) };
}

/** Events that say that something begins, before there is anything to read. */
const LIFECYCLE: ReadonlySet<unknown> = new Set([
  'response.created',
  'response.queued',
  'response.in_progress',
  'response.output_item.added',
  'response.content_part.added',
  'response.reasoning_summary_part.added',
]);

const ENDS: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete']);

/**
 * Reads a Responses stream. It is complete after `response.completed` or `response.incomplete`; `response.failed` and
 * error events break it, and so does an end without any of them.
 */
export class ResponsesStreamReader implements StreamReader {
  model: string | null = null;
  private hasBegun = false;
  private isDone = false;
  private failure: unknown = null;

  constructor(private readonly provider: string) {}

  push(event: SseEvent): readonly StreamEvent[] {
    if (this.failure !== null) throw this.failure;
    if (this.isDone) return [];
    if (event.data === null) return [{ ...this.event('idle', event, null), raw: event.raw }];
    if (event.data.trim() === '[DONE]') return [];
    const data = eventObject(this.provider, event.data);
    const { type } = data;
    if (type === 'error' || event.name === 'error') throw streamError(this.provider, 'openai', failureBody(data));
    if (type === 'response.failed') return this.failed(event, asObject(data['response']) ?? {});
    this.hasBegun = true;
    return [this.told(event, data)];
  }

  finish(): readonly StreamEvent[] {
    if (this.isDone) return [];
    if (this.failure !== null) throw this.failure;
    if (!this.hasBegun) throw brokenReply(this.provider, 'empty', 'ended the stream before it began');
    throw brokenReply(this.provider, 'truncated', 'ended the stream in the middle of the answer');
  }

  /** A response that failed may have been paid for: what it says of that is handed on before the failure is. */
  private failed(event: SseEvent, response: JsonObject): readonly StreamEvent[] {
    const failure = streamError(this.provider, 'openai', failureBody(response));
    const usage = usageOf(response);
    if (usage === null) throw failure;
    this.failure = failure;
    return [{ ...this.event('usage', event, null), usage }];
  }

  private told(event: SseEvent, data: JsonObject): StreamEvent {
    const { type, delta } = data;
    const response = asObject(data['response']);
    this.model ??= response && modelOf(response);
    const text = typeof delta === 'string' ? delta : '';
    if (!ENDS.has(type)) {
      const kind: StreamEventKind = LIFECYCLE.has(type) ? 'lifecycle' : 'content';
      return { ...this.event(kind, event, data), raw: event.raw, text };
    }
    this.isDone = true;
    const ended = response ?? {};
    return { ...this.event('end', event, data), raw: event.raw, usage: usageOf(ended), finish: finishOf(ended) };
  }

  private event(kind: StreamEventKind, event: SseEvent, data: JsonObject | null): StreamEvent {
    return { kind, name: event.name, data, raw: null, usage: null, text: '', finish: null };
  }
}
