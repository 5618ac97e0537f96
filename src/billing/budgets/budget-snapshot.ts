import type { Identity } from '../../core/context';
import { BUDGET_SCOPES } from '../budgets.config';
import { NO_PAYERS, scopeIdOf, type BudgetTerms, type PaidCall, type Payers } from './budget-terms';
import { fitsPattern } from './model-filter';

/** From the one who called up to all: the nearest budget is named first in a refusal. */
const INNER_FIRST = [...BUDGET_SCOPES].reverse();

const keyOf = (scope: string, scopeId: string | null): string => `${scope} ${scopeId ?? ''}`;

/** All budgets at one moment. Immutable; a change makes a new one. */
export class BudgetSnapshot {
  static readonly EMPTY = new BudgetSnapshot([]);

  private readonly byScope = new Map<string, BudgetTerms[]>();
  /** An identity is one object for as long as its key is not changed. */
  private readonly byIdentity = new WeakMap<Identity, readonly BudgetTerms[]>();
  private readonly unfiltered = new WeakMap<readonly BudgetTerms[], Payers>();

  /** Whether any budget has steps before it is used up. */
  readonly hasLadders: boolean;

  constructor(budgets: readonly BudgetTerms[]) {
    this.hasLadders = budgets.some(({ degrade }) => degrade);
    for (const budget of budgets) {
      const key = keyOf(budget.scope, budget.scopeId);
      const known = this.byScope.get(key);
      if (known) known.push(budget);
      else this.byScope.set(key, [budget]);
    }
  }

  /** The budgets that a call of this caller counts towards. */
  payers(identity: Identity, call: PaidCall): Payers {
    if (this.byScope.size === 0) return NO_PAYERS;
    const budgets = this.of(identity);
    if (budgets.length === 0) return NO_PAYERS;
    const known = this.unfiltered.get(budgets);
    if (known) return known;
    const payers = split(budgets.filter((budget) => counts(budget, call)));
    if (budgets.every(({ models }) => models === null)) this.unfiltered.set(budgets, payers);
    return payers;
  }

  private of(identity: Identity): readonly BudgetTerms[] {
    const known = this.byIdentity.get(identity);
    if (known) return known;
    const budgets = INNER_FIRST.flatMap((scope) => {
      const scopeId = scopeIdOf[scope](identity);
      if (scopeId === null && scope !== 'organization') return [];
      return this.byScope.get(keyOf(scope, scopeId)) ?? [];
    });
    this.byIdentity.set(identity, budgets);
    return budgets;
  }
}

const split = (budgets: readonly BudgetTerms[]): Payers => ({
  hard: budgets.filter(({ hard }) => hard),
  soft: budgets.filter(({ hard }) => !hard),
});

function counts({ models }: BudgetTerms, { provider, model, requestedModel }: PaidCall): boolean {
  if (models === null) return true;
  const names = [model, `${provider}/${model}`, ...(requestedModel === null ? [] : [requestedModel])];
  return models.some((pattern) => names.some((name) => fitsPattern(pattern, name)));
}
