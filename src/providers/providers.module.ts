import { Module } from '@nestjs/common';
import { AttemptRunner } from './attempt-runner';
import { Pacer } from './backoff';
import { Dispatcher } from './dispatcher';
import { ProviderOverviews } from './provider-overview';
import { ProviderOutages } from './provider-outages';
import { ProviderRegistry } from './provider-registry';
import { ProviderMetrics } from './provider.metrics';
import { TargetHealth } from './target-health';
import { TargetSelector } from './target-selector';
import { TokenCounter } from './token-counter';

/** Who answers: providers, routes and the dispatcher. */
@Module({
  providers: [
    ProviderRegistry,
    Dispatcher,
    AttemptRunner,
    TargetSelector,
    TargetHealth,
    TokenCounter,
    ProviderOverviews,
    ProviderOutages,
    ProviderMetrics,
    { provide: Pacer, useFactory: () => new Pacer() },
  ],
  exports: [ProviderRegistry, Dispatcher, TargetHealth, TargetSelector, TokenCounter, ProviderOverviews],
})
export class ProvidersModule {}
