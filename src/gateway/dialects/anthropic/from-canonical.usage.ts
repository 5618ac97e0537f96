import type { JsonObject } from '../../../core/chat';
import { NO_USAGE, type TokenUsage } from '../../../core/tokens';
import { asObject, isObject } from './to-canonical.fields';

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.round(value) : 0);

/** OpenAI's usage object, with the extra fields of translated answers; null when there is none. */
export function readCanonicalUsage(usage: unknown): TokenUsage | null {
  if (!isObject(usage)) return null;
  const { prompt_tokens: prompt, completion_tokens: completion } = usage;
  const written = count(usage['cache_creation_input_tokens']);
  const longLived = Math.min(count(asObject(usage['cache_creation'])['ephemeral_1h_input_tokens']), written);
  return {
    ...NO_USAGE,
    inputTokens: count(prompt),
    cacheReadTokens: count(asObject(usage['prompt_tokens_details'])['cached_tokens']),
    cacheWrite5mTokens: written - longLived,
    cacheWrite1hTokens: longLived,
    outputTokens: count(completion),
    reasoningTokens: count(asObject(usage['completion_tokens_details'])['reasoning_tokens']),
  };
}

/** Usage in Anthropic's form: `input_tokens` counts only what neither came from the cache nor went into it. */
export function messageUsage(usage: TokenUsage | null): JsonObject {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens } = usage ?? NO_USAGE;
  const written = cacheWrite5mTokens + cacheWrite1hTokens;
  return {
    input_tokens: Math.max(0, inputTokens - cacheReadTokens - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cacheReadTokens,
    output_tokens: outputTokens,
  };
}
