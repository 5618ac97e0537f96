import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { BudgetGate } from './budget-gate';

const TICK_MS = 1_000;
/** Budgets that refused and are not told of yet; more than this many wait for their next refusal. */
const MAX_REFUSED = 1_000;

/** Sees to it that alerts of budgets are told: once for each threshold and period, whichever replica looks first. */
@Injectable()
export class BudgetWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(BudgetWatch.name);
  private readonly refused = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly gate: BudgetGate,
  ) {}

  onApplicationBootstrap(): void {
    this.gate.onRefused((budgetId) => {
      if (this.refused.size < MAX_REFUSED) this.refused.add(budgetId);
    });
    this.timer = setInterval(() => {
      this.running ??= this.look().finally(() => (this.running = null));
    }, TICK_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  private async look(): Promise<void> {
    try {
      await this.database.query('select budget_watch()');
      for (const budgetId of this.refused) {
        await this.database.query('select budget_refused($1)', [budgetId]);
        this.refused.delete(budgetId);
      }
    } catch (error) {
      this.logger.debug(`Alerts of budgets wait: ${String(error)}`);
    }
  }
}
