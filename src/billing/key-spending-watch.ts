import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

const INTERVAL_MS = 30_000;

/** Looks for keys that spend far above their habit (`key_spending_watch`, last in migration 1790000750000), on one replica at a time. */
@Injectable()
export class KeySpendingWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(KeySpendingWatch.name);
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;

  constructor(@InjectDataSource() private readonly database: DataSource) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running ??= this.look().finally(() => (this.running = null));
    }, INTERVAL_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  /** Never throws. */
  async look(): Promise<void> {
    try {
      await this.database.transaction(async (manager) => {
        await manager.query('set local statement_timeout = 5000');
        await manager.query('select key_spending_watch()');
      });
    } catch (error) {
      this.logger.debug(`The spending of keys was not looked at: ${String(error)}`);
    }
  }
}
