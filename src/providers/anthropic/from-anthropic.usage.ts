import type { JsonObject } from '../../core/chat';
import type { TokenUsage } from '../../core/tokens';
import { asCount, asList, asObject, isObject } from './anthropic.wire';

/**
 * The provider's figures, or null when it gave none. Input is everything read (fresh, cache reads, cache writes). When the
 * call ran in several iterations (compaction, advisor, fallback) and they add up to more than the total, they are billed.
 */
export function anthropicUsage(usage: unknown): TokenUsage | null {
  if (!isObject(usage)) return null;
  const { output_tokens_details: details, server_tool_use: serverTools, iterations } = usage;
  const total = tokenCounts(usage);
  const sum = asList(iterations).filter(isObject).map(tokenCounts).reduce(add, NO_COUNTS);
  const billed = sum.inputTokens + sum.outputTokens > total.inputTokens + total.outputTokens ? sum : total;
  return {
    inputTokens: billed.inputTokens,
    cacheReadTokens: billed.cacheReadTokens,
    cacheWrite5mTokens: billed.cacheWrite5mTokens,
    cacheWrite1hTokens: billed.cacheWrite1hTokens,
    inputAudioTokens: 0,
    inputImageTokens: 0,
    outputTokens: billed.outputTokens,
    reasoningTokens: Math.min(asCount(asObject(details)['thinking_tokens']), billed.outputTokens),
    outputAudioTokens: 0,
    outputImageTokens: 0,
    webSearches: asCount(asObject(serverTools)['web_search_requests']),
    serviceTier: serviceTier(usage),
  };
}

/** Fast answers have a price of their own, whatever the tier. */
function serviceTier({ speed, service_tier: tier }: JsonObject): string | undefined {
  if (speed === 'fast') return 'fast';
  return typeof tier === 'string' ? tier : undefined;
}

type TokenCounts = Pick<
  TokenUsage,
  'inputTokens' | 'cacheReadTokens' | 'cacheWrite5mTokens' | 'cacheWrite1hTokens' | 'outputTokens'
>;

const NO_COUNTS: TokenCounts = {
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  outputTokens: 0,
};

function tokenCounts(usage: JsonObject): TokenCounts {
  const cacheReadTokens = asCount(usage['cache_read_input_tokens']);
  const { cacheWrite5mTokens, cacheWrite1hTokens } = cacheWrites(usage);
  return {
    inputTokens: asCount(usage['input_tokens']) + cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens,
    cacheReadTokens,
    cacheWrite5mTokens,
    cacheWrite1hTokens,
    outputTokens: asCount(usage['output_tokens']),
  };
}

/** The total is authoritative; what the split by lifetime does not explain was written for five minutes. */
function cacheWrites(usage: JsonObject): Pick<TokenUsage, 'cacheWrite5mTokens' | 'cacheWrite1hTokens'> {
  const { cache_creation: split, cache_creation_input_tokens: total } = usage;
  const fiveMinutes = asCount(asObject(split)['ephemeral_5m_input_tokens']);
  const oneHour = asCount(asObject(split)['ephemeral_1h_input_tokens']);
  const written = typeof total === 'number' ? asCount(total) : fiveMinutes + oneHour;
  const longLived = Math.min(oneHour, written);
  return { cacheWrite5mTokens: written - longLived, cacheWrite1hTokens: longLived };
}

const add = (a: TokenCounts, b: TokenCounts): TokenCounts => ({
  inputTokens: a.inputTokens + b.inputTokens,
  cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
  cacheWrite5mTokens: a.cacheWrite5mTokens + b.cacheWrite5mTokens,
  cacheWrite1hTokens: a.cacheWrite1hTokens + b.cacheWrite1hTokens,
  outputTokens: a.outputTokens + b.outputTokens,
});

/**
 * The wire figures after a `message_delta`: what it tells replaces what `message_start` told (figures are running
 * totals, never increments); what it leaves out or sets to null stays.
 */
export function mergeAnthropicUsage(start: unknown, delta: unknown): JsonObject | null {
  if (!isObject(delta)) return isObject(start) ? start : null;
  const told = Object.entries(delta).filter(([, value]) => value !== null && value !== undefined);
  return { ...asObject(start), ...Object.fromEntries(told) };
}

/** Usage as OpenAI writes it, with Anthropic's cache writes and searches as extra fields. */
export function canonicalUsage(usage: TokenUsage): JsonObject {
  const { inputTokens, outputTokens, cacheWrite5mTokens, cacheWrite1hTokens, webSearches } = usage;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cacheReadTokens },
    ...(usage.reasoningTokens > 0 ? { completion_tokens_details: { reasoning_tokens: usage.reasoningTokens } } : {}),
    cache_creation_input_tokens: cacheWrite5mTokens + cacheWrite1hTokens,
    ...(cacheWrite1hTokens > 0
      ? {
          cache_creation: {
            ephemeral_5m_input_tokens: cacheWrite5mTokens,
            ephemeral_1h_input_tokens: cacheWrite1hTokens,
          },
        }
      : {}),
    ...(webSearches > 0 ? { server_tool_use: { web_search_requests: webSearches } } : {}),
  };
}
