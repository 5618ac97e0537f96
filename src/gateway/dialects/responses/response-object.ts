import type { JsonObject } from '../../../core/chat';
import type { FinishReason } from '../../../core/reply';
import type { TokenUsage } from '../../../core/tokens';
import { asObject, asText } from '../anthropic/to-canonical.fields';

/** Fields of the request that the answer repeats, with the values of those that were not sent. */
const ECHOED: Readonly<JsonObject> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  prompt_cache_key: null,
  safety_identifier: null,
  service_tier: 'default',
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  user: null,
};

/** What stays the same through a whole answer. */
export interface ResponseHead {
  readonly id: string;
  readonly createdSeconds: number;
  readonly model: string;
  /** The request, of which the answer repeats a part. */
  readonly asked: Readonly<JsonObject>;
}

export interface ResponseState {
  readonly status: 'in_progress' | 'completed' | 'incomplete';
  readonly incompleteReason: string | null;
  readonly output: readonly JsonObject[];
  readonly usage: JsonObject | null;
}

export const IN_PROGRESS: ResponseState = { status: 'in_progress', incompleteReason: null, output: [], usage: null };

/** The head of an answer, from the first canonical object of it. */
export function headOf(answer: Readonly<JsonObject>, asked: Readonly<JsonObject>): ResponseHead {
  const { id, created, model } = answer;
  return {
    id: asText(id).replace(/^(chatcmpl-|msg_|resp_)/, '') || 'unknown',
    createdSeconds: typeof created === 'number' ? created : 0,
    model: asText(model) || asText(asked['model']),
    asked,
  };
}

/** A response object. `store` is always false: nothing of it is kept for a later call. */
export function responseObject(head: ResponseHead, state: ResponseState): JsonObject {
  const { asked } = head;
  const echoed = Object.fromEntries(Object.entries(ECHOED).map(([field, unset]) => [field, asked[field] ?? unset]));
  const { effort = null, summary = null } = asObject(asked['reasoning']);
  return {
    id: `resp_${head.id}`,
    object: 'response',
    created_at: head.createdSeconds,
    status: state.status,
    background: false,
    error: null,
    incomplete_details: state.incompleteReason === null ? null : { reason: state.incompleteReason },
    model: head.model,
    output: state.output,
    previous_response_id: null,
    reasoning: { effort, summary },
    store: false,
    text: { format: { type: 'text' }, ...asObject(asked['text']) },
    ...echoed,
    usage: state.usage,
  };
}

/** How an answer that ended for this reason is reported. */
export function endStatus(finish: FinishReason | null): Pick<ResponseState, 'status' | 'incompleteReason'> {
  if (finish === 'length') return { status: 'incomplete', incompleteReason: 'max_output_tokens' };
  if (finish === 'content_filter') return { status: 'incomplete', incompleteReason: 'content_filter' };
  return { status: 'completed', incompleteReason: null };
}

export function responseUsage(usage: TokenUsage): JsonObject {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cacheReadTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

/** Whether the client wants to send reasoning back itself instead of naming an earlier response. */
export const wantsReasoningBack = ({ include }: Readonly<JsonObject>): boolean =>
  Array.isArray(include) && include.includes('reasoning.encrypted_content');

/** A citation of a web page, flat in this API. */
export function annotationOf(value: unknown): JsonObject {
  const annotation = asObject(value);
  const { type, url_citation: cited } = annotation;
  return type === 'url_citation' ? { type, ...asObject(cited) } : annotation;
}
