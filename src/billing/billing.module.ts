import path from 'node:path';
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Clock } from '../platform/clock';
import { Environment } from '../platform/config/environment';
import { LiveConfig } from '../platform/config/live-config';
import { BUDGETS } from './budgets/budget-providers';
import { BudgetLadder } from './budgets/budget-ladder';
import { BudgetsService } from './budgets/budgets.service';
import { BillingService } from './billing.service';
import { Catalogue, loadCatalogue } from './catalogue';
import { CostInterceptor } from './cost.interceptor';
import { Budget } from './entities/budget.entity';
import { BudgetTopUp } from './entities/budget-top-up.entity';
import { StoredPriceOverride } from './entities/price-override.entity';
import { UsageAttempt } from './entities/usage-attempt.entity';
import { UsageRequest } from './entities/usage-request.entity';
import { JournalConfig } from './journal.config';
import { journalOptions } from './journal/journal-options';
import { KeySpendingWatch } from './key-spending-watch';
import { KnownModels } from './known-models';
import { PriceBook } from './price-book';
import { PricePreview } from './price-preview';
import { CuratedModels } from './prices/curated-models';
import { loadModels } from './prices/models-file';
import { PricesService } from './prices/prices.service';
import { StoredPrices } from './prices/stored-prices';
import { UnpricedModels } from './prices/unpriced-models';
import { ReRating } from './re-rating/re-rating';
import { RequestQueries } from './request-queries';
import { RequestSearch } from './request-search';
import { PostgresUsageStore } from './store/postgres-usage-store';
import { UsageStore } from './store/usage-store';
import { UsageJournal } from './usage-journal';
import { UsageQueries } from './usage-queries';
import { UsageRetention } from './usage-retention';

/** Prices, the record of every attempt and request, and what can be asked about them. Needs `ProviderTypes` and `OfferedModels`. */
@Module({
  imports: [TypeOrmModule.forFeature([UsageRequest, UsageAttempt, Budget, BudgetTopUp, StoredPriceOverride])],
  providers: [
    { provide: Catalogue, useFactory: loadCatalogue },
    { provide: CuratedModels, useFactory: () => new CuratedModels(loadModels()) },
    PriceBook,
    StoredPrices,
    PricePreview,
    KnownModels,
    PricesService,
    UnpricedModels,
    KeySpendingWatch,
    { provide: UsageStore, useClass: PostgresUsageStore },
    {
      provide: UsageJournal,
      inject: [Environment, LiveConfig, UsageStore, Clock],
      useFactory: (environment: Environment, config: LiveConfig, store: UsageStore, clock: Clock) => {
        const { sync, max_bytes: maxBytes } = config.section(JournalConfig);
        const options = journalOptions(path.resolve(environment.dataDir, 'journal'), { sync, maxBytes });
        return UsageJournal.start(options, store, clock);
      },
    },
    ...BUDGETS,
    BillingService,
    CostInterceptor,
    ReRating,
    RequestQueries,
    RequestSearch,
    UsageQueries,
    UsageRetention,
  ],
  exports: [
    BillingService,
    BudgetLadder,
    BudgetsService,
    KnownModels,
    PriceBook,
    PricePreview,
    PricesService,
    ReRating,
    RequestQueries,
    RequestSearch,
    UnpricedModels,
    UsageQueries,
  ],
})
export class BillingModule {}
