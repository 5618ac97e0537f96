import type { ChatBody, ChatMessage, JsonObject } from '../../../core/chat';
import { InvalidRequestError } from '../../../core/errors';
import { asObject, asText, isObject, requireText } from './to-canonical.fields';
import { systemMessage, toCanonicalMessages } from './to-canonical.messages';
import { toCanonicalTools } from './to-canonical.tools';

/** OpenAI takes no more stop sequences. */
const MAX_STOP_SEQUENCES = 4;
/** Longest `user` that OpenAI takes. */
const MAX_USER_CHARS = 64;

/**
 * A Messages request as a canonical chat body. What only shapes cost or speed (cache breakpoints, `top_k`, context
 * editing) is left out; what the answer depends on and has no counterpart throws `InvalidRequestError`.
 */
export function toCanonical(body: JsonObject): ChatBody {
  const { model, system, messages, stream } = body;
  refuseServerSide(body);
  return {
    model: requireText(model, 'model'),
    messages: [...leadingSystem(system), ...toCanonicalMessages(messages)],
    ...toCanonicalTools(body),
    ...outputBound(body),
    ...sampling(body),
    ...stopSequences(body['stop_sequences']),
    ...responseFormat(body),
    ...reasoning(body),
    ...endUser(body['metadata']),
    ...serviceTier(body['service_tier']),
    ...(stream === true ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

/** What runs on Anthropic's side cannot run at another provider. */
function refuseServerSide(body: JsonObject): void {
  const { container, mcp_servers: servers } = body;
  if (container !== undefined && container !== null) {
    throw new InvalidRequestError(
      'container works with Anthropic models only: leave it out, or ask for a Claude model.',
      'container',
    );
  }
  if (Array.isArray(servers) && servers.length > 0) {
    throw new InvalidRequestError(
      'mcp_servers works with Anthropic models only: run the MCP client yourself and send its tools, or ask for a Claude model.',
      'mcp_servers',
    );
  }
}

function leadingSystem(system: unknown): ChatMessage[] {
  if (system === undefined || system === null) return [];
  return systemMessage(system, 'system');
}

function outputBound(body: JsonObject): Partial<ChatBody> {
  const { max_tokens: bound } = body;
  if (bound === undefined || bound === null) return {};
  if (typeof bound === 'number' && Number.isInteger(bound) && bound > 0) return { max_completion_tokens: bound };
  throw new InvalidRequestError('max_tokens must be a whole number of at least 1.', 'max_tokens');
}

function sampling(body: JsonObject): Partial<ChatBody> {
  return { ...fraction(body, 'temperature'), ...fraction(body, 'top_p') };
}

function fraction(body: JsonObject, field: 'temperature' | 'top_p'): Partial<ChatBody> {
  const value = body[field];
  if (value === undefined || value === null) return {};
  if (typeof value === 'number' && value >= 0 && value <= 1) return { [field]: value };
  throw new InvalidRequestError(`${field} must be a number from 0 to 1.`, field);
}

function stopSequences(sequences: unknown): Partial<ChatBody> {
  if (sequences === undefined || sequences === null) return {};
  if (!Array.isArray(sequences) || sequences.some((sequence) => typeof sequence !== 'string')) {
    throw new InvalidRequestError('stop_sequences must be an array of strings.', 'stop_sequences');
  }
  const stop = (sequences as string[]).filter((sequence) => sequence !== '').slice(0, MAX_STOP_SEQUENCES);
  return stop.length > 0 ? { stop } : {};
}

function responseFormat(body: JsonObject): Partial<ChatBody> {
  const format = asObject(body['output_config'])['format'] ?? body['output_format'];
  if (!isObject(format)) return {};
  const { type, schema } = format;
  if (type !== 'json_schema' || !isObject(schema)) {
    throw new InvalidRequestError(
      'output_config.format must be of type json_schema and have a schema.',
      'output_config.format',
    );
  }
  const strict = isStrictSchema(schema) ? { strict: true } : {};
  return { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, ...strict } } };
}

/** OpenAI enforces a schema only when every object is closed and requires all of its properties. */
function isStrictSchema(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrictSchema);
  if (!isObject(schema)) return true;
  const { properties, required, additionalProperties, type } = schema;
  const names = Object.keys(asObject(properties));
  const isObjectSchema = type === 'object' || names.length > 0;
  const requiresAll = names.every((name) => Array.isArray(required) && required.includes(name));
  if (isObjectSchema && (additionalProperties !== false || !requiresAll)) return false;
  return Object.values(schema).every(isStrictSchema);
}

/** Efforts OpenAI's models share; the higher ones exist on few of them. */
const EFFORTS: Readonly<Record<string, string>> = {
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};

/** From this budget on an effort counts as medium, and as high; the inverse of what `toAnthropic` sends. */
const MEDIUM_BUDGET_TOKENS = 4_096;
const HIGH_BUDGET_TOKENS = 16_384;

/** Disabled or unmentioned thinking says nothing: not every model can be told not to reason. */
function reasoning(body: JsonObject): Partial<ChatBody> {
  const thinking = asObject(body['thinking']);
  if (thinking['type'] === 'disabled') return {};
  const effort = EFFORTS[asText(asObject(body['output_config'])['effort'])];
  if (effort !== undefined) return { reasoning_effort: effort };
  const { type, budget_tokens: budget } = thinking;
  if (type !== 'enabled' || typeof budget !== 'number') return {};
  if (budget < MEDIUM_BUDGET_TOKENS) return { reasoning_effort: 'low' };
  return { reasoning_effort: budget < HIGH_BUDGET_TOKENS ? 'medium' : 'high' };
}

function endUser(metadata: unknown): Partial<ChatBody> {
  const user = asText(asObject(metadata)['user_id']);
  return user !== '' && user.length <= MAX_USER_CHARS ? { user } : {};
}

function serviceTier(tier: unknown): Partial<ChatBody> {
  if (tier === 'auto') return { service_tier: 'auto' };
  return tier === 'standard_only' ? { service_tier: 'default' } : {};
}
