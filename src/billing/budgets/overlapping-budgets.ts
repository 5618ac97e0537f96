import type { EntityManager } from 'typeorm';
import { InvalidRequestError } from '../../core/errors';
import type { Budget } from '../entities/budget.entity';

/** What makes two budgets count the same calls over the same time to the same end. */
export type BudgetCoverage = Pick<Budget, 'scope' | 'scopeId' | 'period' | 'hard' | 'models'>;

/** Held until the transaction ends, so that of two that are made at once one sees the other. */
const LOCK = `select pg_advisory_xact_lock(hashtextextended('budgets of ' || $1 || coalesce($2, ''), 0))`;

const SAME = `select name from budgets
  where removed_at is null and scope = $1 and scope_id is not distinct from $2 and period = $3 and hard = $4 and id <> $6
    and (models is null and $5::text[] is null or models @> $5::text[] and models <@ $5::text[]) limit 1`;

/**
 * Two budgets that refuse (or two that only alert) of the same scope, for the same models, by the same kind of period, would
 * overlap all the time: the smaller decides, and the other is a trap. Throws `InvalidRequestError` for the second.
 */
export async function refuseOverlap(manager: EntityManager, coverage: BudgetCoverage, exceptId = ''): Promise<void> {
  const { scope, scopeId, hard, models } = coverage;
  await manager.query(LOCK, [scope, scopeId]);
  const same = await overlapping(manager, coverage, exceptId);
  if (same === null) return;
  const kind = hard ? 'hard' : 'soft';
  const whose = scope === 'organization' ? 'the organization' : `this ${scope}`;
  const what = models === null ? 'all models' : 'the same models';
  throw new InvalidRequestError(
    `The period overlaps that of the ${kind} budget "${same}" of ${whose}, which counts ${what} by the same period: change that budget, or top it up.`,
    'period',
  );
}

/** The name of a budget, other than `exceptId`, that counts the same; null: there is none. */
export async function overlapping(
  manager: EntityManager,
  { scope, scopeId, period, hard, models }: BudgetCoverage,
  exceptId: string,
): Promise<string | null> {
  const [same] = await manager.query<{ name: string }[]>(SAME, [scope, scopeId, period, hard, models, exceptId]);
  return same?.name ?? null;
}
