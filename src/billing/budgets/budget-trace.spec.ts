import { BudgetExceededError } from './budget.errors';
import { budgetFacts, refusalFacts } from './budget-trace';
import type { BudgetTerms } from './budget-terms';

const USD = 1_000_000_000n;
const terms = (id: string, hard: boolean): BudgetTerms => ({
  id,
  name: id,
  scope: 'team',
  scopeId: 'team_1',
  limitNanoUsd: 10n * USD,
  period: 'month',
  hard,
  models: null,
});
const standing = { allowedNanoUsd: 12n * USD, fixedNanoUsd: 7n * USD, leasedNanoUsd: 2n * USD, resetsAt: null };

describe('a budget in the decision trace', () => {
  it('says what was allowed, spent, held and left, as far as it is known', () => {
    const payers = { hard: [terms('known', true), terms('new', true)], soft: [terms('soft', false)] };
    expect(budgetFacts(payers, (id) => (id === 'known' ? standing : undefined))).toEqual({
      budgets: [
        {
          budget: 'known',
          scope: 'team',
          period: 'month',
          limit_usd: '12',
          spent_usd: '7',
          held_usd: '2',
          left_usd: '3',
          refuses: true,
        },
        { budget: 'new', scope: 'team', period: 'month', limit_usd: '10', refuses: true },
        { budget: 'soft', scope: 'team', period: 'month', limit_usd: '10', refuses: false },
      ],
    });
    const spent = { ...standing, fixedNanoUsd: 13n * USD };
    expect(budgetFacts({ hard: [terms('over', true)], soft: [] }, () => spent)).toMatchObject({
      budgets: [{ left_usd: '0' }],
    });
  });

  it('says why it refused', () => {
    const error = new BudgetExceededError(terms('research', true), standing, false);
    expect(refusalFacts(error)).toMatchObject({
      code: 'budget_exceeded',
      budget: 'research',
      spent_usd: '7',
      limit_usd: '12',
    });
    expect(refusalFacts(new Error('secret'))).toEqual({ code: 'internal' });
  });
});
