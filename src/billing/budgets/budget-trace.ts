import { GatewayError } from '../../core/errors';
import { formatUsd } from '../../core/money';
import type { BudgetFacts } from './budget-authority';
import type { BudgetTerms, Payers } from './budget-terms';

type Facts = Readonly<Record<string, unknown>>;

/** Every budget that a call counts towards, as the decision trace tells of it; `standing` is what was last heard of one. */
export function budgetFacts({ hard, soft }: Payers, standing: (budgetId: string) => BudgetFacts | undefined): Facts {
  return {
    budgets: [
      ...hard.map((budget) => ({ ...namesOf(budget), ...moneyOf(budget, standing(budget.id)) })),
      ...soft.map((budget) => ({ ...namesOf(budget), limit_usd: formatUsd(budget.limitNanoUsd), refuses: false })),
    ],
  };
}

const namesOf = ({ name, scope, period }: BudgetTerms) => ({ budget: name, scope, period });

/** What is left is what is neither spent nor held for running calls, this one included. */
function moneyOf({ limitNanoUsd }: BudgetTerms, facts: BudgetFacts | undefined) {
  if (!facts) return { limit_usd: formatUsd(limitNanoUsd), refuses: true };
  const { allowedNanoUsd: allowed, fixedNanoUsd: spent, leasedNanoUsd: held } = facts;
  const left = allowed - spent - held;
  return {
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
