import { GatewayError } from '../../core/errors';
import { formatUsd } from '../../core/money';
import type { BudgetFacts } from './budget-authority';
import type { BudgetTerms, Payers } from './budget-terms';

type Facts = Readonly<Record<string, unknown>>;

/** Every budget that a call counts towards, as the decision trace tells of it; `standing` is what was last heard of one. */
export function budgetFacts(
  { hard, soft }: Payers,
  standing: (budgetId: string) => BudgetFacts | undefined,
): { readonly budgets: readonly Facts[] } {
  return {
    budgets: [
      ...hard.map((budget) => hardFacts(budget, standing(budget.id))),
      ...soft.map((budget) => factsOf(budget, false)),
    ],
  };
}

const factsOf = ({ name, scope, period, limitNanoUsd }: BudgetTerms, refuses: boolean) => ({
  budget: name,
  scope,
  period,
  limit_usd: formatUsd(limitNanoUsd),
  refuses,
});

/** What is left is what is neither spent nor held for running calls, this one included. */
function hardFacts(budget: BudgetTerms, facts: BudgetFacts | undefined) {
  if (!facts) return factsOf(budget, true);
  const { name, scope, period } = budget;
  const { allowedNanoUsd: allowed, fixedNanoUsd: spent, leasedNanoUsd: held } = facts;
  const left = allowed - spent - held;
  return {
    budget: name,
    scope,
    period,
    limit_usd: formatUsd(allowed),
    spent_usd: formatUsd(spent),
    held_usd: formatUsd(held),
    left_usd: formatUsd(left > 0n ? left : 0n),
    refuses: true,
  };
}

/** Why no budget paid, with what is spent, held and allowed where that is known. */
export const refusalFacts = (error: unknown): Facts =>
  error instanceof GatewayError ? { code: error.code, ...error.facts } : { code: 'internal' };
