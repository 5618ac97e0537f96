export { Dispatcher } from './dispatcher';
export { ProviderRegistry } from './provider-registry';
export { ProvidersModule } from './providers.module';
export { TargetHealth } from './target-health';
export { TargetPrices } from './target-prices';
export { TokenCounter } from './token-counter';
