import type { Type } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { BillingService } from '../../src/billing/billing.service';
import { BudgetDirectory } from '../../src/billing/budgets/budget-directory';
import { BudgetGate } from '../../src/billing/budgets/budget-gate';
import { pause } from '../../src/billing/budgets/budget-providers';
import { LeaseBook } from '../../src/billing/budgets/lease-book';
import { LeaseDesk } from '../../src/billing/budgets/lease-desk';
import { PostgresBudgetAuthority } from '../../src/billing/budgets/postgres-budget-authority';
import { loadCatalogue } from '../../src/billing/catalogue';
import { Budget } from '../../src/billing/entities/budget.entity';
import { BudgetTopUp } from '../../src/billing/entities/budget-top-up.entity';
import { UsageAttempt } from '../../src/billing/entities/usage-attempt.entity';
import { UsageRequest } from '../../src/billing/entities/usage-request.entity';
import { journalOptions, type JournalOptions } from '../../src/billing/journal/journal-options';
import { PriceBook } from '../../src/billing/price-book';
import { CuratedModels } from '../../src/billing/prices/curated-models';
import { loadModels } from '../../src/billing/prices/models-file';
import { ProviderTypes } from '../../src/billing/provider-types';
import { PostgresUsageStore } from '../../src/billing/store/postgres-usage-store';
import { UsageJournal } from '../../src/billing/usage-journal';
import { SystemClock, type Clock } from '../../src/platform/clock';
import { LiveConfig } from '../../src/platform/config/live-config';
import { databaseOptions } from '../../src/platform/database/database-options';

/** The configuration nobody wrote. */
class DefaultConfig extends LiveConfig {
  override get version(): string {
    return 'c1';
  }
  override section<T extends object>(type: Type<T>): T {
    return new type();
  }
  override onReload(): () => void {
    return () => undefined;
  }
}

/** Providers are named after their type. */
class NamesAreTypes extends ProviderTypes {
  override typeOf(providerName: string): string {
    return providerName;
  }
}

export async function connect(url: string): Promise<DataSource> {
  const database = new DataSource({
    ...databaseOptions(url),
    entities: [UsageRequest, UsageAttempt, Budget, BudgetTopUp],
    logging: false,
  });
  return database.initialize();
}

export interface RunningBilling {
  readonly billing: BillingService;
  readonly usage: UsageJournal;
  readonly directory: BudgetDirectory;
  readonly desk: LeaseDesk;
  readonly authority: PostgresBudgetAuthority;
  readonly database: DataSource;
  stop(): Promise<void>;
}

/** Everything of billing that a request meets, over a real database whose schema is there. */
export async function startBilling(
  url: string,
  root: string,
  changes: Partial<JournalOptions> = {},
  clock: Clock = new SystemClock(),
  maxWaitMs?: number,
): Promise<RunningBilling> {
  const database = await connect(url);
  const usage = await UsageJournal.start(journalOptions(root, changes), new PostgresUsageStore(database), clock);
  const prices = new PriceBook(await loadCatalogue(), new CuratedModels(loadModels()), new DefaultConfig(), clock);
  const { instanceId } = usage.journal;
  const authority = new PostgresBudgetAuthority(database, instanceId);
  const book = new LeaseBook(instanceId);
  const desk = new LeaseDesk({ book, authority, clock, pause, ...(maxWaitMs === undefined ? {} : { maxWaitMs }) });
  const directory = new BudgetDirectory(database);
  const gate = new BudgetGate(() => directory.snapshot, desk, book);
  usage.onStored((attempts) => gate.stored(attempts));
  usage.onApplicationBootstrap();
  const timer = setInterval(() => void desk.tick(), 1_000);
  return {
    billing: new BillingService(prices, new NamesAreTypes(), usage, clock, gate),
    usage,
    directory,
    desk,
    authority,
    database,
    stop: async () => {
      clearInterval(timer);
      await usage.onApplicationShutdown();
      await desk.close();
      await database.destroy();
    },
  };
}

/** Empties everything billing keeps, the ledger included, which nobody else can. */
export async function emptyBilling(database: DataSource): Promise<void> {
  const ledger = ['ledger_postings', 'ledger_txns'];
  for (const table of ledger) await database.query(`alter table ${table} disable trigger user`);
  await database.query(
    `truncate usage_requests, usage_attempts, usage_hours, usage_days, usage_horizons, ledger_archived, ${ledger.join(', ')},
     budget_leases, budget_periods, budget_top_ups, budgets`,
  );
  for (const table of ledger) await database.query(`alter table ${table} enable trigger user`);
}
