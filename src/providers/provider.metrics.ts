import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import type { TargetName } from '../core/context';
import { MetricsRegistry } from '../platform/metrics/metrics';

@Injectable()
export class ProviderMetrics {
  private readonly attempts: Counter;
  private readonly fallbacks: Counter;

  constructor({ registry }: MetricsRegistry) {
    this.attempts = new Counter({
      name: 'gateway_attempts_total',
      help: 'Calls to providers by outcome: answered, or the reason of the failure.',
      labelNames: ['provider', 'model', 'outcome'],
      registers: [registry],
    });
    this.fallbacks = new Counter({
      name: 'gateway_fallbacks_total',
      help: 'Requests that were answered by another target than their first.',
      labelNames: ['requested_model', 'provider', 'model'],
      registers: [registry],
    });
  }

  attempt({ provider, model }: TargetName, outcome: string): void {
    this.attempts.inc({ provider, model, outcome });
  }

  fallback(requestedModel: string, { provider, model }: TargetName): void {
    this.fallbacks.inc({ requested_model: requestedModel, provider, model });
  }
}
