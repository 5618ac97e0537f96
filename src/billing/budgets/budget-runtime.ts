import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DatabaseNotifications } from '../../platform/database';
import { UsageJournal } from '../usage-journal';
import { BudgetConfigSync } from './budget-config-sync';
import { BudgetDirectory } from './budget-directory';
import { BudgetGate } from './budget-gate';

const TICK_MS = 1_000;
/** The notification tells of a change at once; this is for when it was lost. */
const RELOAD_TICKS = 5;

/** Keeps budgets and leases up to date from start to shutdown. */
@Injectable()
export class BudgetRuntime implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(BudgetRuntime.name);
  private timer: NodeJS.Timeout | null = null;
  private ticks = 0;
  private refreshing: Promise<void> = Promise.resolve();

  constructor(
    private readonly directory: BudgetDirectory,
    private readonly sync: BudgetConfigSync,
    private readonly gate: BudgetGate,
    private readonly usage: UsageJournal,
    private readonly notifications: DatabaseNotifications,
  ) {}

  /** Throws when budgets cannot be read: a gateway that does not know its limits must not start. */
  async onApplicationBootstrap(): Promise<void> {
    this.usage.onStored((attempts) => this.gate.stored(attempts));
    this.usage.onStopped(() => this.gate.close());
    await this.sync.apply();
    this.sync.watch();
    await this.directory.reload();
    this.notifications.subscribe('budgets_changed', () => this.refresh());
    this.notifications.onReconnect(() => this.refresh());
    this.timer = setInterval(() => void this.tick(), TICK_MS).unref();
  }

  /** The leases are let go by the journal, when it has told the database everything. */
  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.refreshing;
  }

  /** Takes changes of budgets over; one at a time. */
  private refresh(isSure = true): void {
    this.refreshing = this.refreshing.then(async () => {
      try {
        const hasChanged = await this.directory.reload();
        if (isSure || hasChanged) await this.gate.budgetsChanged();
      } catch (error) {
        this.logger.warn(`Budgets could not be read again; those known stay in force: ${String(error)}`);
      }
    });
  }

  private async tick(): Promise<void> {
    this.ticks += 1;
    await this.gate.tick();
    if (this.ticks % RELOAD_TICKS === 0) this.refresh(false);
  }
}
