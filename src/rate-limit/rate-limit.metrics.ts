import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { MetricsRegistry } from '../platform/metrics/metrics';

export type DecisionName = 'admitted' | 'denied' | 'denied_from_memory' | 'unavailable';
export type DecidedBy = 'windows' | 'permits' | 'replica';

@Injectable()
export class RateLimitMetrics {
  private readonly decisions: Counter;
  private readonly degraded: Gauge;

  constructor({ registry }: MetricsRegistry) {
    const registers = [registry];
    this.decisions = new Counter({
      name: 'gateway_rate_limit_decisions_total',
      help: 'Requests with a limit, by what became of them and by who decided: the shared windows, permits taken from them, or this replica alone.',
      labelNames: ['decision', 'by'],
      registers,
    });
    this.degraded = new Gauge({
      name: 'gateway_rate_limit_degraded',
      help: '1 while the store of the limits does not answer.',
      aggregator: 'max',
      registers,
    });
    this.degraded.set(0);
  }

  count(decision: DecisionName, by: DecidedBy): void {
    this.decisions.inc({ decision, by });
  }

  mode(isDegraded: boolean): void {
    this.degraded.set(isDegraded ? 1 : 0);
  }
}
