import path from 'node:path';
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Clock } from '../platform/clock';
import { Environment } from '../platform/config/environment';
import { BUDGETS } from './budgets/budget-providers';
import { BudgetsService } from './budgets/budgets.service';
import { BillingService } from './billing.service';
import { Catalogue, loadCatalogue } from './catalogue';
import { CostInterceptor } from './cost.interceptor';
import { Budget } from './entities/budget.entity';
import { BudgetTopUp } from './entities/budget-top-up.entity';
import { UsageAttempt } from './entities/usage-attempt.entity';
import { UsageRequest } from './entities/usage-request.entity';
import { JournalConfig } from './journal.config';
import { journalOptions } from './journal/journal-options';
import { PriceBook } from './price-book';
import { PricePreview } from './price-preview';
import { RequestQueries } from './request-queries';
import { RequestSearch } from './request-search';
import { PostgresUsageStore } from './store/postgres-usage-store';
import { UsageStore } from './store/usage-store';
import { UsageJournal } from './usage-journal';
import { UsageQueries } from './usage-queries';

/** Prices, the record of every attempt and request, and what can be asked about them. Needs `ProviderTypes`. */
@Module({
  imports: [TypeOrmModule.forFeature([UsageRequest, UsageAttempt, Budget, BudgetTopUp])],
  providers: [
    { provide: Catalogue, useFactory: loadCatalogue },
    PriceBook,
    PricePreview,
    JournalConfig,
    { provide: UsageStore, useClass: PostgresUsageStore },
    {
      provide: UsageJournal,
      inject: [Environment, JournalConfig, UsageStore, Clock],
      useFactory: (environment: Environment, config: JournalConfig, store: UsageStore, clock: Clock) =>
        UsageJournal.start(
          journalOptions(path.resolve(environment.dataDir, 'journal'), {
            sync: config.sync,
            maxBytes: config.max_bytes,
          }),
          store,
          clock,
        ),
    },
    ...BUDGETS,
    BillingService,
    CostInterceptor,
    RequestQueries,
    RequestSearch,
    UsageQueries,
  ],
  exports: [BillingService, BudgetsService, PriceBook, PricePreview, RequestQueries, RequestSearch, UsageQueries],
})
export class BillingModule {}
