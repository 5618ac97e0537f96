import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { TargetName } from '../core/context';
import { MetricsRegistry } from '../platform/metrics/metrics';
import type { BreakerState } from './breaker';
import { TargetHealth } from './target-health';

const FIRST_BYTE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120];
const BREAKER_VALUES: Readonly<Record<BreakerState['phase'], number>> = { closed: 0, half_open: 1, open: 2 };
const TARGET_LABELS = ['provider', 'model'] as const;

@Injectable()
export class ProviderMetrics {
  private readonly attempts: Counter;
  private readonly fallbacks: Counter;
  private readonly overruns: Counter;
  private readonly firstBytes: Histogram;

  constructor({ registry }: MetricsRegistry, health: TargetHealth) {
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
    this.overruns = new Counter({
      name: 'gateway_budget_overruns_total',
      help: 'Calls that cost more than was reserved for them under a hard budget.',
      labelNames: TARGET_LABELS,
      registers: [registry],
    });
    this.firstBytes = new Histogram({
      name: 'gateway_provider_first_byte_seconds',
      help: 'From the call of a provider to the first content of a stream, or to a whole JSON answer.',
      labelNames: TARGET_LABELS,
      buckets: FIRST_BYTE_BUCKETS,
      registers: [registry],
    });
    registerHealth(registry, health);
  }

  attempt({ provider, model }: TargetName, outcome: string): void {
    this.attempts.inc({ provider, model, outcome });
  }

  overrun({ provider, model }: TargetName): void {
    this.overruns.inc({ provider, model });
  }

  fallback(requestedModel: string, { provider, model }: TargetName): void {
    this.fallbacks.inc({ requested_model: requestedModel, provider, model });
  }

  firstByte({ provider, model }: TargetName, milliseconds: number): void {
    this.firstBytes.observe({ provider, model }, milliseconds / 1000);
  }
}

/** Read when somebody asks, so that nothing is kept up to date in between. */
function registerHealth(registry: MetricsRegistry['registry'], health: TargetHealth): void {
  const breaker = new Gauge({
    name: 'gateway_provider_breaker_state',
    help: 'Whether a target is left alone because it keeps failing: 0 no (closed), 1 on trial (half open), 2 yes (open).',
    labelNames: TARGET_LABELS,
    aggregator: 'max',
    registers: [registry],
    collect: () => {
      breaker.reset();
      for (const status of health.statuses()) {
        breaker.set({ provider: status.provider, model: status.model }, BREAKER_VALUES[status.breaker]);
      }
    },
  });
  const cooldown = new Gauge({
    name: 'gateway_provider_cooldown_seconds',
    help: 'How long a target will still be left alone because its provider is limiting us.',
    labelNames: TARGET_LABELS,
    aggregator: 'max',
    registers: [registry],
    collect: () => {
      cooldown.reset();
      for (const { provider, model, cooldown: held } of health.statuses()) {
        cooldown.set({ provider, model }, (held?.endsInMs ?? 0) / 1000);
      }
    },
  });
}
