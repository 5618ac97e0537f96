import { Global, Module } from '@nestjs/common';
import { Clock, SystemClock } from './clock';
import { Environment } from './config/environment';
import { EventOutbox } from './events/event-outbox';
import { DatabaseHealth } from './health/database.health';
import { HealthService } from './health/health.service';
import { RequestContexts } from './http/request-contexts';
import { Drain } from './lifecycle/drain';
import { StructuredLogger } from './logging/logger';
import { MetricsRegistry } from './metrics/metrics';

/** What every feature stands on: time, logs, metrics, health, and the context of a request. */
@Global()
@Module({
  providers: [
    { provide: Clock, useClass: SystemClock },
    {
      provide: StructuredLogger,
      inject: [Environment],
      useFactory: (environment: Environment) => new StructuredLogger(environment.logLevel),
    },
    MetricsRegistry,
    HealthService,
    DatabaseHealth,
    RequestContexts,
    Drain,
    EventOutbox,
  ],
  exports: [Clock, StructuredLogger, MetricsRegistry, HealthService, RequestContexts, Drain, EventOutbox],
})
export class PlatformModule {}
