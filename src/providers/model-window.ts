import type { InferenceRequest } from '../core/chat';
import type { TargetName } from '../core/context';
import type { TargetLimits } from './target-limits';

/**
 * A prompt is sent to a model unless it is surely too long: the count is an estimate, which is off by up to a half for odd
 * texts, and a provider that refuses it charges nothing.
 */
const SURELY_TOO_LONG = 1.5;

/** Why a prompt cannot fit into a target; null when it may. */
export function whyNoRoom(
  request: InferenceRequest,
  target: TargetName,
  limits: TargetLimits | undefined,
): string | null {
  if (!isBounded(request)) return null;
  const window = limits?.factsOf(target).contextWindow ?? null;
  const tokens = request.estimatedInputTokens();
  if (window === null || tokens <= window * SURELY_TOO_LONG) return null;
  return `the prompt of about ${tokens} tokens does not fit into the context window of ${window}`;
}

/** Embeddings are made of many inputs, each with the whole window; Responses may be cut to fit, and a beta of Anthropic widens the window. */
function isBounded({ dialect, document, forwardedHeaders }: InferenceRequest): boolean {
  if (dialect === 'embeddings' || document.value['truncation'] === 'auto') return false;
  return !forwardedHeaders['anthropic-beta']?.includes('context-1m');
}

/** Whether a prompt that is too long for one target may fit another: false when that one is known to be no larger. */
export function mayHaveMoreRoom(than: TargetName, target: TargetName, limits: TargetLimits | undefined): boolean {
  if (than.model === target.model) return false;
  const [small, large] = [than, target].map((each) => limits?.factsOf(each).contextWindow ?? null);
  return small == null || large == null || large > small;
}
