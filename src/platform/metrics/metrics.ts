import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';

/** The process's Prometheus registry. Names follow OpenTelemetry's `gen_ai.*` conventions in their Prometheus spelling. */
@Injectable()
export class MetricsRegistry {
  readonly registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** The exposition text of all metrics. */
  expose(): Promise<string> {
    return this.registry.metrics();
  }
}
