import cluster from 'node:cluster';
import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { WorkerMetrics } from './worker-metrics';

/** The process's Prometheus registry. Names follow OpenTelemetry's `gen_ai.*` conventions in their Prometheus spelling. */
@Injectable()
export class MetricsRegistry {
  readonly registry = new Registry();
  private readonly workers = cluster.isWorker ? new WorkerMetrics(this.registry) : null;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** The exposition text of all metrics: of all workers together, when there are several. */
  expose(): Promise<string> {
    return this.workers?.ofAll() ?? this.registry.metrics();
  }
}
