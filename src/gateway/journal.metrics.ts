import { Injectable } from '@nestjs/common';
import { Gauge, type Aggregator } from 'prom-client';
import { BillingService } from '../billing';
import { MetricsRegistry } from '../platform/metrics/metrics';

/** What of the journal has not reached the database yet: a backlog that grows means that the database is away. */
@Injectable()
export class JournalMetrics {
  readonly gauges: readonly Gauge[];

  constructor({ registry }: MetricsRegistry, billing: BillingService) {
    const gauges: readonly [string, string, () => number, Aggregator?][] = [
      [
        'gateway_journal_backlog_records',
        'Usage rows that wait for the database.',
        () => billing.journalStats().backlogRows,
      ],
      ['gateway_journal_bytes', 'Size of the write-ahead journal.', () => billing.journalStats().bytes, 'max'],
      ['gateway_journal_oldest_ms', 'Age of the oldest row that waits.', () => billing.journalStats().oldestMs, 'max'],
      [
        'gateway_journal_poisoned_rows',
        'Rows the database refused, kept aside.',
        () => billing.journalStats().poisonedRows,
      ],
    ];
    this.gauges = gauges.map(
      ([name, help, value, aggregator = 'sum']) =>
        new Gauge({
          name,
          help,
          aggregator,
          registers: [registry],
          collect() {
            this.set(value());
          },
        }),
    );
  }
}
