import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { MetricsRegistry } from '../platform/metrics/metrics';

export type DecisionName = 'admitted' | 'denied' | 'denied_from_memory' | 'unavailable';

@Injectable()
export class RateLimitMetrics {
  private readonly decisions: Counter;
  private readonly degraded: Gauge;

  constructor({ registry }: MetricsRegistry) {
    const registers = [registry];
    this.decisions = new Counter({
      name: 'gateway_rate_limit_decisions_total',
      help: 'Requests with a limit, by what became of them and by who decided: the shared windows or this replica alone.',
      labelNames: ['decision', 'by'],
      registers,
    });
    this.degraded = new Gauge({
      name: 'gateway_rate_limit_degraded',
      help: '1 while the store of the limits does not answer.',
      registers,
    });
    this.degraded.set(0);
  }

  count(decision: DecisionName, isDegraded: boolean): void {
    this.decisions.inc({ decision, by: isDegraded ? 'replica' : 'windows' });
  }

  mode(isDegraded: boolean): void {
    this.degraded.set(isDegraded ? 1 : 0);
  }
}
