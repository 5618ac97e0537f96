import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { MetricsRegistry } from '../platform/metrics/metrics';

/** What became of a transcript. */
export type TranscriptOutcome = 'stored' | 'queue_full' | 'not_redacted' | 'not_written';

/** How many transcripts were kept, and how many were not and why. */
@Injectable()
export class TranscriptMetrics {
  readonly waitingGauge: Gauge;
  private readonly outcomes: Counter;
  private waiting = (): number => 0;

  constructor({ registry }: MetricsRegistry) {
    this.outcomes = new Counter({
      name: 'gateway_transcripts_total',
      help: 'Prompts and answers of teams that keep them: stored, or left out because the queue was full, redaction failed or the database refused.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    const waiting = (): number => this.waiting();
    this.waitingGauge = new Gauge({
      name: 'gateway_transcripts_waiting',
      help: 'Prompts and answers that wait to be written.',
      registers: [registry],
      collect() {
        this.set(waiting());
      },
    });
  }

  watch(waiting: () => number): void {
    this.waiting = waiting;
  }

  count(outcome: TranscriptOutcome, count: number): void {
    this.outcomes.inc({ outcome }, count);
  }
}
