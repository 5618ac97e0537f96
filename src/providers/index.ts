export { Dispatcher } from './dispatcher';
export { ProviderRegistry } from './provider-registry';
export { ProvidersModule } from './providers.module';
export { TokenCounter } from './token-counter';
