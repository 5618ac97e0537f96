export { BillingModule } from './billing.module';
export { BillingService } from './billing.service';
export { CostInterceptor } from './cost.interceptor';
export { UsageAttempt } from './entities/usage-attempt.entity';
export { UsageRequest } from './entities/usage-request.entity';
export { ProviderTypes } from './provider-types';
export { RequestQueries, type Range, type RequestDetail, type RequestFilter } from './request-queries';
export { UsageQueries, type UsageGroup, type UsageQuery } from './usage-queries';
