import type { ChatBody, JsonObject } from '../../core/chat';
import { InvalidRequestError } from '../../core/errors';
import { asList, isBlank, isObject } from './anthropic.wire';
import type { AnthropicCapabilities } from './to-anthropic.capabilities';

/** Anthropic's own parameters that a client of the OpenAI dialect may send along. */
const NATIVE_PARAMETERS = ['cache_control', 'container', 'context_management', 'inference_geo', 'mcp_servers', 'speed'];

/** Fields that are translated, or that need no word when they are left out. */
const HANDLED_PARAMETERS = new Set([
  ...NATIVE_PARAMETERS,
  'model',
  'messages',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_tokens',
  'max_completion_tokens',
  'stream',
  'stream_options',
  'stop',
  'temperature',
  'top_p',
  'top_k',
  'n',
  'response_format',
  'output_config',
  'reasoning_effort',
  'thinking',
  'user',
  'safety_identifier',
  'service_tier',
  'web_search_options',
  'functions',
  'function_call',
  'logprobs',
  'top_logprobs',
  'modalities',
  'audio',
]);

/** Values that change nothing, so that dropping them needs no warning. */
const isNeutral = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === false ||
  value === 0 ||
  (isObject(value) && Object.keys(value).length === 0) ||
  (Array.isArray(value) && value.length === 0);

/** Throws for what has no translation at all. */
export function refuseUntranslatable(body: ChatBody): void {
  const { n, logprobs, top_logprobs: topLogprobs, audio, modalities } = body;
  if (n !== undefined && n !== null && n !== 1) {
    throw new InvalidRequestError(
      'n must be 1 for this model: it gives one answer a call. Call it several times instead.',
      'n',
    );
  }
  if (logprobs === true || !isNeutral(topLogprobs)) {
    const param = logprobs === true ? 'logprobs' : 'top_logprobs';
    throw new InvalidRequestError(
      `${param} is not possible with this model: leave it out, or use an OpenAI model.`,
      param,
    );
  }
  if (isObject(audio) || asList(modalities).includes('audio')) {
    throw new InvalidRequestError(
      'This model has no audio output: leave audio and modalities out.',
      isObject(audio) ? 'audio' : 'modalities',
    );
  }
}

/** Names every parameter that is not sent on. The Messages API refuses unknown fields, so nothing slips through. */
export function warnOfDropped(body: ChatBody, warnings: string[]): void {
  for (const [field, value] of Object.entries(body)) {
    if (!HANDLED_PARAMETERS.has(field) && !isNeutral(value)) warnings.push(`${field}: not supported by this model`);
  }
}

export function nativeParameters(body: ChatBody): JsonObject {
  const kept = NATIVE_PARAMETERS.filter((field) => body[field] !== undefined && body[field] !== null);
  return Object.fromEntries(kept.map((field) => [field, body[field]]));
}

export interface OutputBounds {
  /** When the client set none. */
  readonly maxOutputTokens: number;
  /** The most the model can write. */
  readonly maxOutputTokensCap?: number | undefined;
}

export function toMaxTokens(body: ChatBody, bounds: OutputBounds, warnings: string[]): number {
  const field =
    body.max_completion_tokens === undefined || body.max_completion_tokens === null
      ? 'max_tokens'
      : 'max_completion_tokens';
  const asked = body[field] ?? bounds.maxOutputTokens;
  if (typeof asked !== 'number' || !Number.isInteger(asked) || asked < 1) {
    throw new InvalidRequestError(`${field} must be a whole number of at least 1.`, field);
  }
  const cap = bounds.maxOutputTokensCap ?? Infinity;
  if (asked <= cap) return asked;
  warnings.push(`${field}: lowered to ${cap}, the most this model can write`);
  return cap;
}

/** `temperature`, `top_p` and `top_k`, as far as the model takes them. */
export function toSampling(
  body: ChatBody,
  capabilities: AnthropicCapabilities,
  isThinking: boolean,
  warnings: string[],
): JsonObject {
  const sampling = askedSampling(body);
  const refused = samplingRefusal(capabilities, isThinking);
  if (refused !== null) {
    for (const field of Object.keys(sampling)) warnings.push(`${field}: ${refused}`);
    return {};
  }
  const { temperature, top_p: topP } = sampling;
  if (temperature !== undefined && temperature > 1) {
    sampling.temperature = 1;
    warnings.push('temperature: lowered to 1, the highest of this model');
  }
  if (temperature !== undefined && topP !== undefined && !capabilities.bothSamplingParameters) {
    delete sampling.top_p;
    warnings.push('top_p: this model takes temperature or top_p, not both');
  }
  return { ...sampling };
}

interface Sampling {
  temperature?: number;
  top_p?: number;
  top_k?: number;
}

function askedSampling(body: ChatBody): Sampling {
  const temperature = numberIn(body, 'temperature', 2);
  const topP = numberIn(body, 'top_p', 1);
  const topK = body['top_k'];
  return {
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(typeof topK === 'number' ? { top_k: topK } : {}),
  };
}

function samplingRefusal(capabilities: AnthropicCapabilities, isThinking: boolean): string | null {
  if (!capabilities.samplingParameters) return 'not supported by this model';
  return isThinking ? 'not possible while the model thinks' : null;
}

function numberIn(body: ChatBody, field: string, max: number): number | null {
  const value = body[field];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || value < 0 || value > max) {
    throw new InvalidRequestError(`${field} must be a number from 0 to ${max}.`, field);
  }
  return value;
}

/** Blank sequences are refused by the API; they are left out. */
export function toStopSequences(stop: unknown): string[] {
  if (stop === undefined || stop === null) return [];
  const list: unknown[] = Array.isArray(stop) ? stop : [stop];
  const sequences: string[] = [];
  for (const sequence of list) {
    if (typeof sequence !== 'string')
      throw new InvalidRequestError('stop must be a string or an array of strings.', 'stop');
    if (!isBlank(sequence)) sequences.push(sequence);
  }
  return sequences;
}

/** Longest `metadata.user_id` the API takes. */
const MAX_USER_ID_CHARS = 256;

/** The end user, for the provider's abuse detection. OpenAI's `metadata` stays with us. */
export function toMetadata(body: ChatBody, warnings: string[]): JsonObject | null {
  const { safety_identifier: identifier, user } = body;
  const id = [identifier, user].find((value) => typeof value === 'string' && value !== '') as string | undefined;
  if (id === undefined) return null;
  if (id.length <= MAX_USER_ID_CHARS) return { user_id: id };
  warnings.push(`user: longer than ${MAX_USER_ID_CHARS} characters`);
  return null;
}

/** Both mean "use committed capacity when there is some" on Anthropic's side. */
const SERVICE_TIERS: Readonly<Record<string, string>> = {
  auto: 'auto',
  priority: 'auto',
  default: 'standard_only',
  standard_only: 'standard_only',
};

export function toServiceTier(tier: unknown, warnings: string[]): string | null {
  if (typeof tier !== 'string') return null;
  const known = SERVICE_TIERS[tier];
  if (known === undefined) warnings.push(`service_tier: "${tier.slice(0, 40)}" is not known to this provider`);
  return known ?? null;
}
