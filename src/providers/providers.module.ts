import { Module } from '@nestjs/common';
import { Dispatcher } from './dispatcher';
import { ProviderRegistry } from './provider-registry';
import { ProviderMetrics } from './provider.metrics';

/** Who answers: providers, routes and the dispatcher. */
@Module({ providers: [ProviderRegistry, Dispatcher, ProviderMetrics], exports: [ProviderRegistry, Dispatcher] })
export class ProvidersModule {}
