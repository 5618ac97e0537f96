import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeysService, TeamsService, UsersService } from '../../access';
import { BUDGET_PERIODS, BudgetsService, type BudgetFields, type StandingBudget } from '../../billing';
import { InvalidRequestError, NotFoundError, PermissionDeniedError } from '../../core/errors';
import { formatUsd, type NanoUsd } from '../../core/money';
import type { Caller } from './caller';

/** Whose budget it is, and for what. */
type Owner = Pick<BudgetFields, 'scope' | 'scopeId' | 'period'>;

/** Sees to it that team leads divide what their teams were given, and add nothing to it. */
@Injectable()
export class BudgetReaches {
  constructor(
    private readonly budgets: BudgetsService,
    private readonly teams: TeamsService,
    private readonly users: UsersService,
    private readonly keys: KeysService,
  ) {}

  /**
   * Throws `InvalidRequestError` for an owner that the caller does not see, in the words for one that does not exist, and
   * `PermissionDeniedError` for one that is not theirs alone, or an amount above what its teams were given.
   */
  async requireGrant(caller: Caller, owner: Owner, limitNanoUsd: NanoUsd, manager: EntityManager): Promise<void> {
    if (caller.role === 'admin') return;
    const teamIds = await this.teamsOf(caller, owner, manager);
    const given = await this.budgets.givenTo([...teamIds, owner.scopeId ?? ''], manager);
    const least = given
      .filter(({ period }) => BUDGET_PERIODS.indexOf(period) >= BUDGET_PERIODS.indexOf(owner.period))
      .sort((left, right) => Number(left.limitNanoUsd - right.limitNanoUsd))[0];
    if (!least || limitNanoUsd <= least.limitNanoUsd) return;
    throw new PermissionDeniedError(
      `limit_usd must be at most ${formatUsd(least.limitNanoUsd)}: the budget "${least.name}" of the ${least.scope} gives no more.`,
      'permission_denied',
      'limit_usd',
    );
  }

  /** Throws `PermissionDeniedError` for a budget that an administrator has set. */
  requireOwn(caller: Caller, budget: StandingBudget): void {
    if (caller.role === 'admin' || budget.delegated) return;
    throw new PermissionDeniedError(
      `The budget "${budget.name}" was set by an administrator: you may add budgets within it, and not change it.`,
    );
  }

  /** Throws `PermissionDeniedError`: more money is given, not taken. */
  requireAdministrator(caller: Caller): void {
    if (caller.role === 'admin') return;
    throw new PermissionDeniedError(
      'Only an administrator tops budgets up. The limit of a budget of your own can be changed.',
    );
  }

  private async teamsOf(caller: Caller, { scope, scopeId }: Owner, manager: EntityManager): Promise<readonly string[]> {
    const reading = { scope: caller.scope, manager };
    const id = scopeId ?? '';
    if (scope === 'team') return [(await seen(scope, this.teams.get(id, reading))).id];
    if (scope === 'key') return [(await seen(scope, this.keys.get(id, reading))).teamId];
    if (scope !== 'user') throw new PermissionDeniedError(`Only an administrator sets budgets of the ${scope}.`);
    const { teamIds } = await seen(scope, this.users.get(id, reading));
    const own = caller.scope.kind === 'teams' ? caller.scope.teamIds : [];
    if (teamIds.every((teamId) => own.includes(teamId))) return teamIds;
    throw new PermissionDeniedError(
      'This person is in teams of others too: set a budget for their keys in your team instead.',
      'permission_denied',
      'scope_id',
    );
  }
}

async function seen<T>(scope: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new InvalidRequestError(`There is no ${scope} with this id.`, 'scope_id');
  }
}
