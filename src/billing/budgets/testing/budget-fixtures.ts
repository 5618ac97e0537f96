import type { Clock } from '../../../platform/clock';
import type { BudgetScope } from '../../budgets.config';
import { BudgetGate } from '../budget-gate';
import { BudgetSnapshot } from '../budget-snapshot';
import type { BudgetTerms } from '../budget-terms';
import { LeaseBook } from '../lease-book';
import { LeaseDesk, type Pause } from '../lease-desk';
import { BudgetModel, ModelAuthority } from './budget-model';

export const termsOf = (id: string, changes: Partial<BudgetTerms> = {}): BudgetTerms => ({
  id,
  name: id,
  scope: 'team' as BudgetScope,
  scopeId: 'team_1',
  limitNanoUsd: 1_000_000n,
  period: 'month',
  hard: true,
  models: null,
  ...changes,
});

const nextTurn: Pause = () => new Promise((resolve) => setImmediate(resolve));

/** A gate over a model instead of a database. */
export function budgetsOf(clock: Clock, budgets: readonly BudgetTerms[] = [], pause: Pause = nextTurn) {
  const model = new BudgetModel(clock);
  for (const { id, limitNanoUsd } of budgets) model.add(id, limitNanoUsd);
  const authority = new ModelAuthority(model, 'inst_1');
  const book = new LeaseBook('inst_1');
  const desk = new LeaseDesk({ book, authority, clock, pause });
  const snapshot = new BudgetSnapshot(budgets);
  return { model, authority, book, desk, gate: new BudgetGate(() => snapshot, desk, book) };
}
