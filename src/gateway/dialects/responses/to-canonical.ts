import type { ChatBody, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { asObject, asText, isObject } from '../anthropic/to-canonical.fields';
import { toCanonicalMessages } from './to-canonical.items';
import { toCanonicalTools } from './to-canonical.tools';

/** Fields whose meaning is state that OpenAI keeps. */
const STATE_FIELDS = ['previous_response_id', 'conversation', 'prompt', 'background'] as const;

/** Fields both APIs have under one name and with one meaning. */
const SAME_FIELDS = [
  'temperature',
  'top_p',
  'parallel_tool_calls',
  'metadata',
  'user',
  'safety_identifier',
  'service_tier',
] as const;

/**
 * A Responses request as a canonical chat body, for a provider that does not speak Responses. What only shapes cost, speed
 * or storage (`store`, `truncation`, `prompt_cache_key`, `include`, verbosity) is left out; what the answer depends on and
 * has no counterpart throws `InvalidRequestError` naming the field.
 */
export function toCanonical(body: Readonly<JsonObject>): ChatBody {
  refuseState(body);
  return {
    model: asText(body['model']),
    messages: [...instructions(body['instructions']), ...toCanonicalMessages(body['input'])],
    ...toCanonicalTools(body),
    ...outputBound(body['max_output_tokens']),
    ...sameFields(body),
    ...reasoning(body['reasoning']),
    ...responseFormat(body['text']),
    ...logprobs(body),
    ...(body['stream'] === true ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

function refuseState(body: Readonly<JsonObject>): void {
  const field = STATE_FIELDS.find((name) => body[name] !== undefined && body[name] !== null && body[name] !== false);
  if (field === undefined) return;
  throw new InvalidRequestError(
    `"${field}" needs state that is kept at OpenAI, and this model is served elsewhere: send the whole conversation in "input", or ask for a model of an OpenAI provider.`,
    field,
  );
}

const instructions = (value: unknown): ChatBody['messages'] =>
  typeof value === 'string' && value !== '' ? [{ role: 'developer', content: value }] : [];

const outputBound = (bound: unknown): Partial<ChatBody> =>
  typeof bound === 'number' ? { max_completion_tokens: bound } : {};

function sameFields(body: Readonly<JsonObject>): JsonObject {
  const fields: JsonObject = {};
  for (const name of SAME_FIELDS) if (body[name] !== undefined && body[name] !== null) fields[name] = body[name];
  return fields;
}

function reasoning(value: unknown): Partial<ChatBody> {
  const effort = asObject(value)['effort'];
  return typeof effort === 'string' ? { reasoning_effort: effort } : {};
}

function responseFormat(text: unknown): Partial<ChatBody> {
  const format = asObject(text)['format'];
  if (!isObject(format) || format['type'] === 'text') return {};
  if (format['type'] === 'json_object') return { response_format: { type: 'json_object' } };
  const { type, name, description, schema, strict } = format;
  if (type !== 'json_schema' || !isObject(schema)) {
    throw new InvalidRequestError(
      '"text.format" must be of type text, json_object, or json_schema with a schema.',
      'text.format',
    );
  }
  const json_schema = {
    name: asText(name) || 'answer',
    ...(typeof description === 'string' ? { description } : {}),
    schema,
    ...(typeof strict === 'boolean' ? { strict } : {}),
  };
  return { response_format: { type: 'json_schema', json_schema } };
}

function logprobs({ top_logprobs: top, include }: Readonly<JsonObject>): JsonObject {
  const isAsked = Array.isArray(include) && include.includes('message.output_text.logprobs');
  const count = typeof top === 'number' ? top : 0;
  if (!isAsked && count === 0) return {};
  return { logprobs: true, ...(count > 0 ? { top_logprobs: count } : {}) };
}
