import type { EntityManager } from 'typeorm';
import type { BudgetScope } from '../budgets.config';
import type { Budget } from '../entities/budget.entity';

/** Where the id of a scope must be found. */
const TABLES: Readonly<Record<Exclude<BudgetScope, 'organization'>, string>> = {
  department: 'departments',
  team: 'teams',
  user: 'users',
  key: 'api_keys',
};

/** Whether the department, team, user or key that a budget is for is there. */
export async function hasOwner(
  manager: EntityManager,
  { scope, scopeId }: Pick<Budget, 'scope' | 'scopeId'>,
): Promise<boolean> {
  if (scope === 'organization') return true;
  const [found] = await manager.query<object[]>(`select 1 from ${TABLES[scope]} where id = $1`, [scopeId]);
  return found !== undefined;
}
