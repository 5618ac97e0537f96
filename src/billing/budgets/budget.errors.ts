import { GatewayError } from '../../core/errors';
import { formatUsd } from '../../core/money';
import type { BudgetFacts } from './budget-authority';
import { describeBudget, type BudgetTerms } from './budget-terms';
import type { Unbounded } from './input-bound';

/** The budget cannot pay for the call. */
export class BudgetExceededError extends GatewayError {
  readonly budgetId: string;

  /** `isHeld`: what is not spent would do, but others held it for as long as the call could wait. */
  constructor(budget: BudgetTerms, facts: BudgetFacts, isHeld: boolean) {
    const spent = formatUsd(facts.fixedNanoUsd);
    const limit = formatUsd(facts.allowedNanoUsd);
    const resetsAt = facts.resetsAt?.toISOString() ?? null;
    const held = isHeld ? ', and the rest is held by calls that are still running' : '';
    const resets = resetsAt === null ? 'It does not reset' : `It resets at ${resetsAt}`;
    super(
      429,
      'budget_exceeded',
      'insufficient_quota',
      `The ${describeBudget(budget)} cannot pay for this call: ${spent} of ${limit} USD are spent${held}. ${resets}; ask your administrator for a top-up, or use a cheaper model.`,
      {
        shouldRetry: false,
        facts: {
          budget_id: budget.id,
          budget: budget.name,
          scope: budget.scope,
          period: budget.period,
          spent_usd: spent,
          held_usd: formatUsd(facts.leasedNanoUsd),
          limit_usd: limit,
          resets_at: resetsAt,
        },
      },
    );
    this.budgetId = budget.id;
  }
}

/** A step of the budget's ladder refuses the call, before the budget is used up. */
export class BudgetStepError extends GatewayError {
  constructor(budget: BudgetTerms, share: number, step: 'cache_only' | 'block') {
    const percent = Math.floor(share * 100);
    const what =
      step === 'block' ? 'refuses all calls' : 'pays only for answers from the cache, and there is none for this call';
    super(
      429,
      'budget_exceeded',
      'insufficient_quota',
      `The ${describeBudget(budget)} ${what}: ${percent} % of it are spent. Ask your administrator for a top-up.`,
      {
        shouldRetry: false,
        facts: { budget_id: budget.id, budget: budget.name, scope: budget.scope, period: budget.period, step, share },
      },
    );
  }
}

/** It cannot be decided at the moment whether the budget allows the call. */
export class BudgetUnavailableError extends GatewayError {
  constructor(retryAfterMs: number, cause?: unknown) {
    super(
      503,
      'budget_unavailable',
      'overloaded_error',
      'The budget of this call cannot be checked at the moment, and it is a hard one. Retry later; operators: check the database.',
      { retryAfterMs, cause },
    );
  }
}

/** A hard budget applies and the cost of the call has no upper bound. */
export class BudgetUnpriceableError extends GatewayError {
  constructor(budget: BudgetTerms, { why, mend }: Unbounded) {
    super(
      400,
      'budget_unpriceable',
      'invalid_request_error',
      `The ${describeBudget(budget)} is a hard one, and ${why}, so the cost of this call has no upper bound. ${mend}`,
      { param: 'model', shouldRetry: false },
    );
  }
}
