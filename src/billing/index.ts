export { BillingModule } from './billing.module';
export { BillingService } from './billing.service';
export { exhaustionOf, forecastOf } from './budgets/budget-forecast';
export { BudgetLadder } from './budgets/budget-ladder';
export { whyNoLadder, type Degradation } from './budgets/budget-terms';
export { BudgetStepError } from './budgets/budget.errors';
export {
  BudgetsService,
  type BudgetChanges,
  type BudgetFields,
  type StandingBudget,
  type TopUpFields,
} from './budgets/budgets.service';
export { BUDGET_PERIODS, BUDGET_SCOPES, type BudgetPeriod, type BudgetScope } from './budgets.config';
export { CostInterceptor } from './cost.interceptor';
export { BudgetTopUp } from './entities/budget-top-up.entity';
export { UsageAttempt } from './entities/usage-attempt.entity';
export { UsageRequest } from './entities/usage-request.entity';
export { KnownModels } from './known-models';
export { ledgerReport, verifyLedger } from './ledger/ledger-verifier';
export type { ModelPrice, PriceTier, PriceTiers } from './model-price';
export { PricePreview } from './price-preview';
export { loadModels } from './prices/models-file';
export { OfferedModels } from './prices/offered-models';
export {
  PRICE_ORIGINS,
  PricesService,
  type ImportedPrice,
  type PriceImportResult,
  type PriceInForce,
  type PriceOrigin,
} from './prices/prices.service';
export { UnpricedModels, type UnpricedModel } from './prices/unpriced-models';
export type { PriceOverride } from './pricing.config';
export { ProviderTypes } from './provider-types';
export { ReRating, type ReRatingRange, type ReRatingResult } from './re-rating/re-rating';
export type { Range, RequestFilter } from './request-filter';
export { RequestQueries, type RequestDetail } from './request-queries';
export { OF_A_PROGRAM, RequestSearch } from './request-search';
export { UsageQueries, type UsageGroup, type UsageQuery } from './usage-queries';
export { usageSource, type Grain } from './usage-source';
