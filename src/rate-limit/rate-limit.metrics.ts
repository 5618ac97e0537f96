import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { MetricsRegistry } from '../platform/metrics/metrics';
import { SeriesCounter, type CounterSeries } from '../platform/metrics/series';

export type DecisionName = 'admitted' | 'denied' | 'denied_from_memory' | 'unavailable';
export type DecidedBy = 'windows' | 'permits' | 'replica';

@Injectable()
export class RateLimitMetrics {
  private readonly decisions: SeriesCounter;
  private readonly series = new Map<string, CounterSeries>();
  private readonly degraded: Gauge;

  constructor({ registry }: MetricsRegistry) {
    this.decisions = new SeriesCounter({
      name: 'gateway_rate_limit_decisions_total',
      help: 'Requests with a limit, by what became of them and by who decided: the shared windows, permits taken from them, or this replica alone.',
      registry,
    });
    this.degraded = new Gauge({
      name: 'gateway_rate_limit_degraded',
      help: '1 while the store of the limits does not answer.',
      aggregator: 'max',
      registers: [registry],
    });
    this.degraded.set(0);
  }

  count(decision: DecisionName, by: DecidedBy): void {
    const key = `${decision} ${by}`;
    let series = this.series.get(key);
    if (!series) {
      series = this.decisions.open({ decision, by });
      this.series.set(key, series);
    }
    series.inc();
  }

  mode(isDegraded: boolean): void {
    this.degraded.set(isDegraded ? 1 : 0);
  }
}
