import type { JsonObject } from './loose-json';
import { hiddenTokensOfTurn, outputTokensOfTurn, type Turn } from './turn';

/** The usage of the completions endpoint. */
export function completionUsage(turn: Turn): JsonObject {
  const prompt = Math.round(turn.prompt.inputTokens * turn.billFactor);
  const completion = Math.round(outputTokensOfTurn(turn) * turn.billFactor);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

/** The usage of a chat. */
export function chatUsage(turn: Turn): JsonObject {
  const factor = turn.billFactor;
  return {
    ...completionUsage(turn),
    prompt_tokens_details: { cached_tokens: Math.round(turn.caching.cachedTokens * factor), audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: Math.round(hiddenTokensOfTurn(turn) * factor),
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
