export { Dispatcher } from './dispatcher';
export { ProviderOverviews, type ProviderCheck, type ProviderOverview } from './provider-overview';
export { ProviderRegistry, type AcquiredPlan } from './provider-registry';
export { ProvidersModule } from './providers.module';
export { endToEnd, receivedTrail, refuseLoop } from './upstream/outbound-headers';
export { TargetHealth, type TargetStatus } from './target-health';
export { TargetLimits } from './target-limits';
export { TargetPrices } from './target-prices';
export { TokenCounter } from './token-counter';
