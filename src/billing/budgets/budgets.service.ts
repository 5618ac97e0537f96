import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull, LessThan } from 'typeorm';
import { ConflictError, InvalidRequestError, NotFoundError } from '../../core/errors';
import { newId } from '../../core/ids';
import type { NanoUsd } from '../../core/money';
import { toPage, type Page, type PageRequest } from '../../core/page';
import { Clock } from '../../platform/clock';
import { Budget } from '../entities/budget.entity';
import { BudgetTopUp } from '../entities/budget-top-up.entity';
import type { BudgetScope } from '../budgets.config';

export type BudgetFields = Pick<
  Budget,
  'scope' | 'scopeId' | 'limitNanoUsd' | 'period' | 'timezone' | 'hard' | 'alerts' | 'models'
> &
  Partial<Pick<Budget, 'degrade'>> & { readonly name: string };

export type BudgetChanges = Partial<
  Pick<BudgetFields, 'name' | 'limitNanoUsd' | 'hard' | 'alerts' | 'models' | 'degrade'>
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

/** Where the id of a scope must be found. */
const TABLES: Readonly<Record<Exclude<BudgetScope, 'organization'>, string>> = {
  department: 'departments',
  team: 'teams',
  user: 'users',
  key: 'api_keys',
};

/** The budgets of everybody, and how they stand. */
@Injectable()
export class BudgetsService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Throws `InvalidRequestError` when there is no such department, team, user or key. */
  async create(fields: BudgetFields): Promise<StandingBudget> {
    await this.requireScope(fields.scope, fields.scopeId);
    const now = this.clock.now();
    const id = newId('bud', now);
    await this.database
      .getRepository(Budget)
      .insert({ ...fields, id, source: 'api', createdAt: new Date(now), removedAt: null });
    return this.get(id);
  }

  async list({ limit, cursor }: PageRequest): Promise<Page<StandingBudget>> {
    if (cursor !== null && !/^bud_[0-9a-z]{26}$/.test(cursor)) {
      throw new InvalidRequestError(
        'cursor is not one that this list gave out: pass next_cursor as it came.',
        'cursor',
      );
    }
    const rows = await this.database.getRepository(Budget).find({
      where: { removedAt: IsNull(), ...(cursor === null ? {} : { id: LessThan(cursor) }) },
      order: { id: 'DESC' },
      take: limit + 1,
    });
    const { items, nextCursor } = toPage(rows, limit, ({ id }) => id);
    return { items: await this.withStanding(items), nextCursor };
  }

  async get(id: string): Promise<StandingBudget> {
    const [budget] = await this.withStanding([await this.find(id)]);
    if (!budget) throw new NotFoundError(`There is no budget "${id}".`);
    return budget;
  }

  /** In force everywhere within a second. Throws `ConflictError` for a budget of the configuration file. */
  async update(id: string, changes: BudgetChanges): Promise<StandingBudget> {
    await this.findOwn(id);
    await this.database.transaction(async (manager) => {
      if (Object.keys(changes).length > 0) await manager.update(Budget, { id }, changes);
      await manager.query('select budget_raise_ceiling($1)', [id]);
    });
    return this.get(id);
  }

  async remove(id: string): Promise<void> {
    await this.findOwn(id);
    await this.database
      .getRepository(Budget)
      .update({ id, removedAt: IsNull() }, { removedAt: new Date(this.clock.now()) });
  }

  /** Raises the limit of the current period until it expires or the period ends. */
  async topUp(id: string, fields: TopUpFields): Promise<BudgetTopUp> {
    await this.find(id);
    if (fields.expiresAt.getTime() <= this.clock.now())
      throw new InvalidRequestError('expires_at must be in the future.', 'expires_at');
    const topUp = new BudgetTopUp();
    await this.database.transaction(async (manager) => {
      const [row] = await manager.query<{ starts_at: Date }[]>(
        'select budget_period_at($1, clock_timestamp()) as starts_at',
        [id],
      );
      if (!row) throw new NotFoundError(`There is no budget "${id}".`);
      const now = this.clock.now();
      Object.assign(topUp, { ...fields, id: newId('top', now), budgetId: id, createdAt: new Date(now) });
      topUp.periodStartsAt = row.starts_at;
      await manager.insert(BudgetTopUp, topUp);
      await manager.query('select budget_raise_ceiling($1)', [id]);
    });
    return topUp;
  }

  /** The newest first. Throws `NotFoundError`. */
  async topUps(id: string): Promise<BudgetTopUp[]> {
    await this.find(id);
    return this.database
      .getRepository(BudgetTopUp)
      .find({ where: { budgetId: id }, order: { id: 'DESC' }, take: MAX_TOP_UPS });
  }

  private async find(id: string): Promise<Budget> {
    const budget = await this.database.getRepository(Budget).findOneBy({ id, removedAt: IsNull() });
    if (!budget) throw new NotFoundError(`There is no budget "${id}".`);
    return budget;
  }

  private async findOwn(id: string): Promise<Budget> {
    const budget = await this.find(id);
    if (budget.source === 'config') {
      throw new ConflictError(
        `Budget "${budget.name}" is declared in the configuration file: change it there and reload, or top it up.`,
      );
    }
    return budget;
  }

  private async requireScope(scope: BudgetScope, scopeId: string | null): Promise<void> {
    if (scope === 'organization') return;
    const [found] = await this.database.query<object[]>(`select 1 from ${TABLES[scope]} where id = $1`, [scopeId]);
    if (!found) throw new InvalidRequestError(`There is no ${scope} with this id.`, 'scope_id');
  }

  private async withStanding(budgets: readonly Budget[]): Promise<StandingBudget[]> {
    if (budgets.length === 0) return [];
    const ids = budgets.map(({ id }) => id);
    // A statement does not see the periods that it makes itself.
    await this.database.query('select budget_period_at(id, clock_timestamp()) from unnest($1::text[]) id', [ids]);
    const rows = await this.database.query<StandingRow[]>(STANDING, [ids]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return budgets.flatMap((budget) => {
      const row = byId.get(budget.id);
      return row ? [Object.assign(budget, { standing: toStanding(row) })] : [];
    });
  }
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
