import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, In, IsNull, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { ConflictError, InvalidRequestError, NotFoundError } from '../../core/errors';
import { newId } from '../../core/ids';
import type { NanoUsd } from '../../core/money';
import { toPage, type Page, type PageRequest } from '../../core/page';
import { EVERYBODY, type Scope } from '../../core/scope';
import { Clock } from '../../platform/clock';
import { Budget } from '../entities/budget.entity';
import { BudgetTopUp } from '../entities/budget-top-up.entity';
import { hasOwner } from './budget-scope-owner';
import { refuseOverlap } from './overlapping-budgets';

export type BudgetFields = Pick<
  Budget,
  'scope' | 'scopeId' | 'limitNanoUsd' | 'period' | 'timezone' | 'hard' | 'alerts' | 'models'
> &
  Partial<Pick<Budget, 'degrade' | 'delegated'>> & { readonly name: string };

export type BudgetChanges = Partial<
  Pick<BudgetFields, 'name' | 'limitNanoUsd' | 'hard' | 'alerts' | 'models' | 'degrade' | 'delegated'>
>;

/** The money of the current period. */
export interface BudgetStanding {
  /** The limit with the top-ups in force. */
  readonly allowedNanoUsd: NanoUsd;
  /** Includes what a silent process may have spent, until its journal turns up. */
  readonly spentNanoUsd: NanoUsd;
  /** Held by replicas for calls in flight and the next ones. */
  readonly heldNanoUsd: NanoUsd;
  /** Null: it has no beginning, as a total has none. */
  readonly startsAt: Date | null;
  /** Null: never. */
  readonly resetsAt: Date | null;
}

export type StandingBudget = Budget & { readonly standing: BudgetStanding };

export interface TopUpFields {
  readonly amountNanoUsd: NanoUsd;
  readonly expiresAt: Date;
  readonly reason: string;
}

const STANDING = `
  select b.id, budget_allowed(b.id, p.starts_at) as allowed, p.starts_at, p.ends_at,
    p.spent_nano_usd + p.unaccounted_nano_usd + p.overrun_nano_usd as spent, p.leased_nano_usd as held
  from budgets b join budget_periods p on p.budget_id = b.id
  where b.id = any($1) and p.starts_at = budget_period_at(b.id, clock_timestamp())`;

/** More than a person reads; older ones are over. */
const MAX_TOP_UPS = 100;

/** The budgets of everybody, and how they stand. */
@Injectable()
export class BudgetsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Throws `InvalidRequestError` when there is no such department, team, user or key, or when it overlaps another budget. */
  async create(fields: BudgetFields, within = this.database.manager): Promise<StandingBudget> {
    await this.requireOwner(fields, within);
    const now = this.clock.now();
    const id = newId('bud', now);
    await within.transaction(async (manager) => {
      await refuseOverlap(manager, fields);
      await manager.insert(Budget, {
        delegated: false,
        ...fields,
        id,
        source: 'api',
        createdAt: new Date(now),
        removedAt: null,
      });
    });
    return this.get(id, { manager: within });
  }

  /** Of a scope: the budgets of its teams and their members, or of its user, and of keys within it. */
  async list({ limit, cursor }: PageRequest, scope: Scope = EVERYBODY): Promise<Page<StandingBudget>> {
    if (cursor !== null && !/^bud_[0-9a-z]{26}$/.test(cursor)) {
      throw new InvalidRequestError(
        'cursor is not one that this list gave out: pass next_cursor as it came.',
        'cursor',
      );
    }
    const query = within(this.database.manager, scope);
    if (cursor !== null) query.andWhere('budget.id < :cursor', { cursor });
    const rows = await query
      .orderBy('budget.id', 'DESC')
      .take(limit + 1)
      .getMany();
    const { items, nextCursor } = toPage(rows, limit, ({ id }) => id);
    return { items: await this.withStanding(items, this.database.manager), nextCursor };
  }

  async get(id: string, { manager = this.database.manager, scope = EVERYBODY }: Reading = {}): Promise<StandingBudget> {
    const [budget] = await this.withStanding([await this.find(id, manager, scope)], manager);
    if (!budget) throw notFound(id);
    return budget;
  }

  /** The hard budgets for every model that administrators, or the configuration, gave to any of these teams, users and keys. */
  givenTo(scopeIds: readonly string[], manager = this.database.manager): Promise<Budget[]> {
    return manager.findBy(Budget, {
      scopeId: In([...scopeIds]),
      hard: true,
      delegated: false,
      models: IsNull(),
      removedAt: IsNull(),
    });
  }

  /** In force everywhere within a second. Throws `ConflictError` for a budget of the configuration file. */
  async update(id: string, changes: BudgetChanges, within = this.database.manager): Promise<StandingBudget> {
    const budget = await this.findOwn(id, within);
    await within.transaction(async (manager) => {
      if (changes.models !== undefined || changes.hard !== undefined)
        await refuseOverlap(manager, Object.assign(budget, changes), id);
      if (Object.keys(changes).length > 0) await manager.update(Budget, { id }, changes);
      await manager.query('select budget_raise_ceiling($1)', [id]);
    });
    return this.get(id, { manager: within });
  }

  async remove(id: string, manager = this.database.manager): Promise<void> {
    await this.findOwn(id, manager);
    await manager.update(Budget, { id, removedAt: IsNull() }, { removedAt: new Date(this.clock.now()) });
  }

  /** Raises the limit of the current period until it expires or the period ends. */
  async topUp(id: string, fields: TopUpFields, within = this.database.manager): Promise<BudgetTopUp> {
    await this.find(id, within);
    if (fields.expiresAt.getTime() <= this.clock.now())
      throw new InvalidRequestError('expires_at must be in the future.', 'expires_at');
    const topUp = new BudgetTopUp();
    await within.transaction(async (manager) => {
      const [row] = await manager.query<{ starts_at: Date }[]>(
        'select budget_period_at($1, clock_timestamp()) as starts_at',
        [id],
      );
      if (!row) throw notFound(id);
      const now = this.clock.now();
      Object.assign(topUp, { ...fields, id: newId('top', now), budgetId: id, createdAt: new Date(now) });
      topUp.periodStartsAt = row.starts_at;
      await manager.insert(BudgetTopUp, topUp);
      await manager.query('select budget_raise_ceiling($1)', [id]);
    });
    return topUp;
  }

  /** The newest first. Throws `NotFoundError`. */
  async topUps(id: string, scope: Scope = EVERYBODY): Promise<BudgetTopUp[]> {
    await this.find(id, this.database.manager, scope);
    return this.database
      .getRepository(BudgetTopUp)
      .find({ where: { budgetId: id }, order: { id: 'DESC' }, take: MAX_TOP_UPS });
  }

  private async find(id: string, manager: EntityManager, scope: Scope = EVERYBODY): Promise<Budget> {
    const budget = await within(manager, scope).andWhere('budget.id = :id', { id }).getOne();
    if (!budget) throw notFound(id);
    return budget;
  }

  private async findOwn(id: string, manager: EntityManager): Promise<Budget> {
    const budget = await this.find(id, manager);
    if (budget.source === 'config') {
      throw new ConflictError(
        `Budget "${budget.name}" is declared in the configuration file: change it there and reload, or top it up.`,
      );
    }
    return budget;
  }

  /** On the connection of the change: who holds one and waits for another may wait for each other. */
  private async requireOwner(fields: BudgetFields, manager: EntityManager): Promise<void> {
    if (await hasOwner(manager, fields)) return;
    throw new InvalidRequestError(`There is no ${fields.scope} with this id.`, 'scope_id');
  }

  private async withStanding(budgets: readonly Budget[], manager: EntityManager): Promise<StandingBudget[]> {
    if (budgets.length === 0) return [];
    const ids = budgets.map(({ id }) => id);
    // A statement does not see the periods that it makes itself.
    await manager.query('select budget_period_at(id, clock_timestamp()) from unnest($1::text[]) id', [ids]);
    const rows = await manager.query<StandingRow[]>(STANDING, [ids]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return budgets.flatMap((budget) => {
      const row = byId.get(budget.id);
      return row ? [Object.assign(budget, { standing: toStanding(row) })] : [];
    });
  }
}

/** How a budget is read. */
interface Reading {
  /** The transaction to read in. */
  readonly manager?: EntityManager | undefined;
  /** What is outside it is not found. Absent: everybody's. */
  readonly scope?: Scope | undefined;
}

const notFound = (id: string): Error => new NotFoundError(`There is no budget "${id}".`);

function within(manager: EntityManager, scope: Scope): SelectQueryBuilder<Budget> {
  const query = manager.createQueryBuilder(Budget, 'budget').where('budget.removedAt is null');
  if (scope.kind === 'teams') {
    query.andWhere(
      `(budget.scope = 'team' and budget.scope_id = any(:seen) or budget.scope = 'key'
        and exists (select 1 from api_keys k where k.id = budget.scope_id and k.team_id = any(:seen))
        or budget.scope = 'user'
        and exists (select 1 from user_teams m where m.user_id = budget.scope_id and m.team_id = any(:seen)))`,
      { seen: scope.teamIds },
    );
  }
  if (scope.kind === 'user') {
    query.andWhere(
      `(budget.scope = 'user' and budget.scope_id = :own or budget.scope = 'key'
        and exists (select 1 from api_keys k where k.id = budget.scope_id and k.user_id = :own))`,
      { own: scope.userId },
    );
  }
  return query;
}

interface StandingRow {
  readonly id: string;
  readonly allowed: string;
  readonly spent: string;
  readonly held: string;
  /** The driver's word for an infinite time is a number. */
  readonly starts_at: Date | number;
  readonly ends_at: Date | number;
}

const toStanding = ({ allowed, spent, held, starts_at: startsAt, ends_at: endsAt }: StandingRow): BudgetStanding => ({
  allowedNanoUsd: BigInt(allowed),
  spentNanoUsd: BigInt(spent),
  heldNanoUsd: BigInt(held),
  startsAt: startsAt instanceof Date ? startsAt : null,
  resetsAt: endsAt instanceof Date ? endsAt : null,
});
