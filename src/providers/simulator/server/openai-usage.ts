import type { JsonObject } from './loose-json';
import { hiddenTokensOfTurn, outputTokensOfTurn, type Turn } from './turn';

/** The usage block of chat and completions, exactly the recorded fields. */
export function openAiUsage(turn: Turn): JsonObject {
  const factor = turn.billFactor;
  const prompt = Math.round(turn.prompt.inputTokens * factor);
  const completion = Math.round(outputTokensOfTurn(turn) * factor);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: Math.round(turn.caching.cachedTokens * factor), audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: Math.round(hiddenTokensOfTurn(turn) * factor),
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
