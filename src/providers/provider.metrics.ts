import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import type { TargetName } from '../core/context';
import { MetricsRegistry } from '../platform/metrics/metrics';
import { SeriesCounter, SeriesHistogram, type CounterSeries, type HistogramSeries } from '../platform/metrics/series';
import type { BreakerState } from './breaker';
import { TargetHealth } from './target-health';

const FIRST_BYTE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120];
const BREAKER_VALUES: Readonly<Record<BreakerState['phase'], number>> = { closed: 0, half_open: 1, open: 2 };
const TARGET_LABELS = ['provider', 'model'] as const;

interface TargetSeries {
  readonly outcomes: Map<string, CounterSeries>;
  readonly firstByte: HistogramSeries;
}

@Injectable()
export class ProviderMetrics {
  private readonly attempts: SeriesCounter;
  private readonly fallbacks: Counter;
  private readonly overruns: Counter;
  private readonly firstBytes: SeriesHistogram;
  /** As many as there are targets in the configuration. */
  private readonly targets = new Map<string, TargetSeries>();

  constructor({ registry }: MetricsRegistry, health: TargetHealth) {
    this.attempts = new SeriesCounter({
      name: 'gateway_attempts_total',
      help: 'Calls to providers by outcome: answered, or the reason of the failure.',
      registry,
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
    this.firstBytes = new SeriesHistogram({
      name: 'gateway_provider_first_byte_seconds',
      help: 'From the call of a provider to the first content of a stream, or to a whole JSON answer.',
      buckets: FIRST_BYTE_BUCKETS,
      registry,
    });
    registerHealth(registry, health);
  }

  attempt(target: TargetName, outcome: string): void {
    const { outcomes } = this.seriesOf(target);
    let series = outcomes.get(outcome);
    if (!series) {
      const { provider, model } = target;
      series = this.attempts.open({ provider, model, outcome });
      outcomes.set(outcome, series);
    }
    series.inc();
  }

  overrun({ provider, model }: TargetName): void {
    this.overruns.inc({ provider, model });
  }

  fallback(requestedModel: string, { provider, model }: TargetName): void {
    this.fallbacks.inc({ requested_model: requestedModel, provider, model });
  }

  firstByte(target: TargetName, milliseconds: number): void {
    this.seriesOf(target).firstByte.observe(milliseconds / 1000);
  }

  private seriesOf({ provider, model }: TargetName): TargetSeries {
    const key = `${provider}/${model}`;
    let series = this.targets.get(key);
    if (!series) {
      series = { outcomes: new Map(), firstByte: this.firstBytes.open({ provider, model }) };
      this.targets.set(key, series);
    }
    return series;
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
