import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { LiveConfig } from '../platform/config/live-config';
import { UsageConfig } from './usage.config';

const INTERVAL_MS = 6 * 60 * 60_000;

/** Drops what is older than it is kept, whole months at a time: dropping a partition costs the same however much is in it. */
@Injectable()
export class UsageRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(UsageRetention.name);
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly config: LiveConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.run();
    }, INTERVAL_MS).unref();
    this.running = this.run();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  /** Never throws: what could not be dropped now is dropped the next time. */
  async run(): Promise<void> {
    const { rows_months, hours_months, ledger_months } = this.config.section(UsageConfig).retention;
    await this.drop('usage_drop_rows', rows_months);
    await this.drop('usage_drop_hours', hours_months);
    await this.drop('ledger_close_books', ledger_months);
  }

  private async drop(work: string, months: number): Promise<void> {
    if (months === 0) return;
    try {
      const [row] = await this.database.query<{ dropped: number }[]>(
        `select ${work}(date_trunc('month', now(), 'UTC') - make_interval(months => $1)) as dropped`,
        [months],
      );
      if (row && row.dropped > 0)
        this.logger.log(`${work}: ${row.dropped} partitions older than ${months} months dropped`);
    } catch (error) {
      this.logger.warn(`${work} could not run and is tried again in six hours: ${String(error)}`);
    }
  }
}
