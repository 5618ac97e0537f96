import type { InferenceRequest, JsonObject } from '../../core/chat';

/**
 * A request in its own dialect: the client's bytes with only what must change. Usage is always asked for, because a
 * stream that does not tell what it used cannot be billed honestly; the gateway hides the answer from a client that did
 * not ask.
 */
export function nativeOpenAiBody(request: InferenceRequest, model: string): Buffer {
  const changes: JsonObject = {};
  if (request.document.value['model'] !== model) changes['model'] = model;
  if (request.stream && !request.includeUsage) {
    const options = request.document.value['stream_options'];
    changes['stream_options'] = { ...(options as object | null | undefined), include_usage: true };
  }
  return request.document.withMembers(changes);
}

export interface ToOpenAiOptions {
  readonly model: string;
  /** Servers that only know the older name of the output bound. */
  readonly usesMaxTokens: boolean;
}

/** OpenAI's models that reason; the others refuse `reasoning_effort`. */
const REASONING_MODEL = /^(o\d|gpt-5|codex)/;

/** A request of another dialect, from its canonical form. */
export function toOpenAi(request: InferenceRequest, options: ToOpenAiOptions): JsonObject {
  const { max_completion_tokens: maxTokens, reasoning_effort: effort, ...rest } = request.canonical();
  // A thinking budget became an effort without knowing which model would get it.
  const reasoning =
    effort && (options.usesMaxTokens || REASONING_MODEL.test(options.model)) ? { reasoning_effort: effort } : {};
  const bound =
    maxTokens === undefined || maxTokens === null
      ? {}
      : { [options.usesMaxTokens ? 'max_tokens' : 'max_completion_tokens']: maxTokens };
  const body: JsonObject = { ...rest, ...bound, ...reasoning, model: options.model };
  if (request.stream) return { ...body, stream: true, stream_options: { include_usage: true } };
  return body;
}

/** OpenAI takes four. */
const MAX_STOP_SEQUENCES = 4;
/** Parameters of the Messages API that have no equal here and change an answer. */
const WITHOUT_EQUAL = ['top_k', 'context_management'] as const;

/** What of a Messages request is not in its canonical form, in words for the caller. */
export function leftOut({ dialect, document: { value } }: InferenceRequest): string[] {
  if (dialect !== 'anthropic') return [];
  const isAsked = (field: string): boolean => value[field] !== undefined && value[field] !== null;
  const warnings = WITHOUT_EQUAL.filter(isAsked).map((field) => `${field}: not supported by this model`);
  const { stop_sequences: stops } = value;
  if (Array.isArray(stops) && stops.filter((text) => text !== '').length > MAX_STOP_SEQUENCES)
    warnings.push(`stop_sequences: only the first ${MAX_STOP_SEQUENCES}`);
  return warnings;
}
