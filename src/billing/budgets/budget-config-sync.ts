import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { newId } from '../../core/ids';
import { parseUsd } from '../../core/money';
import { Clock } from '../../platform/clock';
import { LiveConfig } from '../../platform/config/live-config';
import { BudgetsConfig, type BudgetConfig } from '../budgets.config';
import type { Degradation } from './budget-terms';
import { Budget } from '../entities/budget.entity';

/** All replicas do the same at the same time: one after the other. */
const LOCK = 'select pg_advisory_xact_lock(7274013)';

/** Brings the budgets that the configuration declares into the database, by name, at boot and on reload. */
@Injectable()
export class BudgetConfigSync {
  private readonly logger = new Logger(BudgetConfigSync.name);

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly config: LiveConfig,
    private readonly clock: Clock,
  ) {}

  watch(): void {
    this.config.onReload(() => {
      this.apply().catch((error: unknown) =>
        this.logger.error('The budgets of the configuration could not be stored', error),
      );
    });
  }

  /** Throws when the database is away. */
  async apply(): Promise<void> {
    const declared = this.config.section(BudgetsConfig).entries;
    await this.database.transaction(async (manager) => {
      await manager.query(LOCK);
      const stored = await manager
        .createQueryBuilder(Budget, 'budget')
        .where("budget.source = 'config' and budget.removedAt is null")
        .getMany();
      const byName = new Map(stored.map((budget) => [budget.name, budget]));
      for (const [name, wanted] of Object.entries(declared)) {
        await this.bring(manager, name, wanted, byName.get(name));
        byName.delete(name);
      }
      for (const { id } of byName.values()) await this.remove(manager, id);
    });
  }

  private async bring(
    manager: EntityManager,
    name: string,
    wanted: BudgetConfig,
    stored: Budget | undefined,
  ): Promise<void> {
    const fields = fieldsOf(wanted);
    if (stored && isSamePeriod(stored, fields)) {
      if (isSame(stored, fields)) return;
      await manager.update(Budget, { id: stored.id }, fields);
      await manager.query('select budget_raise_ceiling($1)', [stored.id]);
      return;
    }
    // Other scope or other periods: what was spent there says nothing here, so it is another budget.
    if (stored) await this.remove(manager, stored.id);
    const now = this.clock.now();
    await manager.insert(Budget, {
      ...fields,
      id: newId('bud', now),
      name,
      source: 'config',
      createdAt: new Date(now),
      removedAt: null,
    });
  }

  private async remove(manager: EntityManager, id: string): Promise<void> {
    await manager.update(Budget, { id }, { removedAt: new Date(this.clock.now()) });
  }
}

type DeclaredFields = Pick<
  Budget,
  'scope' | 'scopeId' | 'limitNanoUsd' | 'period' | 'timezone' | 'hard' | 'alerts' | 'models' | 'degrade'
>;

const fieldsOf = (wanted: BudgetConfig): DeclaredFields => ({
  scope: wanted.scope,
  scopeId: wanted.scope_id ?? null,
  limitNanoUsd: parseUsd(wanted.limit_usd),
  period: wanted.period,
  timezone: wanted.timezone,
  hard: wanted.hard,
  alerts: [...wanted.alerts],
  models: wanted.models ? [...wanted.models] : null,
  degrade: wanted.degrade ? (JSON.parse(JSON.stringify(wanted.degrade)) as Degradation) : null,
});

const isSamePeriod = (a: Budget, b: DeclaredFields): boolean =>
  a.scope === b.scope && a.scopeId === b.scopeId && a.period === b.period && a.timezone === b.timezone;

const isSame = (a: Budget, b: DeclaredFields): boolean =>
  a.limitNanoUsd === b.limitNanoUsd &&
  a.hard === b.hard &&
  JSON.stringify([a.alerts, a.models, sorted(a.degrade)]) === JSON.stringify([b.alerts, b.models, sorted(b.degrade)]);

/** The database keeps the members of an object in its own order. */
const sorted = (degrade: object | null): unknown =>
  degrade && Object.entries(degrade).sort(([a], [b]) => (a < b ? -1 : 1));
