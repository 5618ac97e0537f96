import type { InferenceRequest } from '../../core/chat';
import type { AttemptIntent } from '../../core/context';
import type { NanoUsd } from '../../core/money';
import { worstCaseCost, type ModelPrice } from '../model-price';
import type { BudgetTerms } from './budget-terms';
import { BudgetUnpriceableError } from './budget.errors';
import { NEEDS_PRICE, promptBound, type Unbounded } from './input-bound';
import { askedServiceTier } from './service-tier';

/** A call that named no bound is content with this one while other calls hold the money: what most answers are shorter than. */
const MODEST_OUTPUT_TOKENS = 4_096;
/** A shorter answer is of no use; OpenAI's Responses refuse a smaller bound. */
const LEAST_OUTPUT_TOKENS = 16;

/** A call whose cost has an upper bound. */
export interface PayableCall {
  readonly price: ModelPrice;
  readonly inputTokens: number;
  /** Of one choice. */
  readonly outputTokens: number;
  readonly amountNanoUsd: NanoUsd;
  /** What it is content with while other calls hold the money; null: the client has named its bound. */
  readonly modestNanoUsd: NanoUsd | null;
  /** What the longest answer within this amount costs at most; null when no useful one fits. */
  fit(availableNanoUsd: NanoUsd): NanoUsd | null;
  /** How long an answer this amount pays for, at most `outputTokens`. */
  outputTokensFor(amountNanoUsd: NanoUsd): number;
}

/** What bounds a call beside what the client says. */
export interface CallBounds {
  /** On an answer for which the client set none; it is sent to the provider, so that it holds. */
  readonly answerTokens: number;
  /** How many tokens the model takes in; null: not known. */
  contextWindow(): number | null;
}

/** Throws `BudgetUnpriceableError` when the cost has no bound. */
export function payableCall(
  { request }: AttemptIntent,
  price: ModelPrice,
  budgets: readonly BudgetTerms[],
  bounds: CallBounds,
): PayableCall {
  const [budget] = budgets;
  const prompt = promptBound(request, price, () => bounds.contextWindow());
  const unbounded = unpriced(price) ?? prompt.unbounded;
  if (budget && unbounded) throw new BudgetUnpriceableError(budget, unbounded);
  const inputTokens = prompt.tokens;
  const outputTokens = request.maxOutputTokens ?? bounds.answerTokens;
  const tier = askedServiceTier(request);
  const costAt = (tokens: number): NanoUsd => worstCaseCost(price, inputTokens, tokens, request.choices, tier);
  const isElastic = request.maxOutputTokens === null && outputTokens > MODEST_OUTPUT_TOKENS;
  const outputTokensFor = (amount: NanoUsd): number => mostTokens(costAt, amount, outputTokens);
  return {
    price,
    inputTokens,
    outputTokens,
    amountNanoUsd: costAt(outputTokens),
    modestNanoUsd: isElastic ? costAt(MODEST_OUTPUT_TOKENS) : null,
    fit: (available) => {
      const least = Math.min(LEAST_OUTPUT_TOKENS + thinkingTokens(request), outputTokens);
      return costAt(least) > available ? null : costAt(outputTokensFor(available));
    },
    outputTokensFor,
  };
}

/** Anthropic's thinking is part of the answer, and must be shorter than its bound. */
function thinkingTokens({ document }: InferenceRequest): number {
  const thinking = document.value['thinking'];
  const budget =
    typeof thinking === 'object' && thinking !== null && 'budget_tokens' in thinking && thinking.budget_tokens;
  return typeof budget === 'number' ? budget : 0;
}

function unpriced({ source }: ModelPrice): Unbounded | null {
  if (source === 'free') return { why: 'no price is known for the model (pricing.unknown: free)', mend: NEEDS_PRICE };
  if (source !== 'estimate') return null;
  return { why: 'the price of the model is only a guess (pricing.unknown: estimate)', mend: NEEDS_PRICE };
}

/** The largest count up to `max` whose cost is within the amount; 0 when there is none. */
function mostTokens(costAt: (tokens: number) => NanoUsd, amount: NanoUsd, max: number): number {
  if (costAt(max) <= amount) return max;
  let fits = 0;
  let tooMany = max;
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (costAt(middle) <= amount) fits = middle;
    else tooMany = middle;
  }
  return fits;
}
