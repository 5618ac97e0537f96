export { BillingModule } from './billing.module';
export { BillingService } from './billing.service';
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
export { PricePreview } from './price-preview';
export { ProviderTypes } from './provider-types';
export { RequestQueries, type Range, type RequestDetail, type RequestFilter } from './request-queries';
export { UsageQueries, type UsageGroup, type UsageQuery } from './usage-queries';
