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
import { hasOwner } from './budget-scope-owner';
import { overlapping } from './overlapping-budgets';

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

  /** Throws when the database is away. What is declared holds; what looks like a mistake beside what is stored is warned of. */
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
        const fields = fieldsOf(wanted);
        const id = await this.bring(manager, name, fields, byName.get(name));
        await this.warnOf(manager, id, name, fields);
        byName.delete(name);
      }
      for (const { id } of byName.values()) await this.remove(manager, id);
    });
  }

  /** The file cannot be checked against the database before it is read, and a gateway must not stay down for an entry there. */
  private async warnOf(manager: EntityManager, id: string, name: string, fields: DeclaredFields): Promise<void> {
    const { scope, scopeId } = fields;
    if (!(await hasOwner(manager, fields)))
      this.logger.warn(`budgets.${name}: there is no ${scope} "${scopeId}", so that nothing counts; correct scope_id`);
    const made = await overlapping(manager, fields, id);
    if (made !== null)
      this.logger.warn(
        `budgets.${name} counts the same calls by the same period as the budget "${made}" made by API or console: the smaller of the two decides; remove one of them`,
      );
  }

  /** The id of the budget. */
  private async bring(
    manager: EntityManager,
    name: string,
    fields: DeclaredFields,
    stored: Budget | undefined,
  ): Promise<string> {
    if (stored && isSamePeriod(stored, fields)) {
      if (isSame(stored, fields)) return stored.id;
      await manager.update(Budget, { id: stored.id }, fields);
      await manager.query('select budget_raise_ceiling($1)', [stored.id]);
      return stored.id;
    }
    // Other scope or other periods: what was spent there says nothing here, so it is another budget.
    if (stored) await this.remove(manager, stored.id);
    const now = this.clock.now();
    const id = newId('bud', now);
    const made = { ...fields, id, name, source: 'config' as const, createdAt: new Date(now), removedAt: null };
    await manager.insert(Budget, made);
    return id;
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
