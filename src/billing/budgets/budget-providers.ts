import { setTimeout as sleep } from 'node:timers/promises';
import type { Provider } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Clock } from '../../platform/clock';
import { UsageJournal } from '../usage-journal';
import { BudgetAuthority } from './budget-authority';
import { BudgetConfigSync } from './budget-config-sync';
import { BudgetDirectory } from './budget-directory';
import { BudgetGate } from './budget-gate';
import { BudgetLadder } from './budget-ladder';
import { BudgetRuntime } from './budget-runtime';
import { BudgetWatch } from './budget-watch';
import { BudgetsService } from './budgets.service';
import { LeaseBook } from './lease-book';
import { LeaseDesk, type Pause } from './lease-desk';
import { PostgresBudgetAuthority } from './postgres-budget-authority';

/** A pause that keeps no process alive. */
export const pause: Pause = (milliseconds) => sleep(milliseconds, undefined, { ref: false });

/** The leases are named after the journal, because whoever takes the journal over ends them. */
export const BUDGETS: Provider[] = [
  {
    provide: BudgetAuthority,
    inject: [getDataSourceToken(), UsageJournal],
    useFactory: (database: DataSource, { journal }: UsageJournal) =>
      new PostgresBudgetAuthority(database, journal.instanceId),
  },
  {
    provide: LeaseBook,
    inject: [UsageJournal],
    useFactory: ({ journal }: UsageJournal) => new LeaseBook(journal.instanceId),
  },
  {
    provide: LeaseDesk,
    inject: [LeaseBook, BudgetAuthority, Clock],
    useFactory: (book: LeaseBook, authority: BudgetAuthority, clock: Clock) =>
      new LeaseDesk({ book, authority, clock, pause }),
  },
  BudgetDirectory,
  {
    provide: BudgetGate,
    inject: [BudgetDirectory, LeaseDesk, LeaseBook],
    useFactory: (directory: BudgetDirectory, desk: LeaseDesk, book: LeaseBook) =>
      new BudgetGate(() => directory.snapshot, desk, book),
  },
  BudgetConfigSync,
  BudgetRuntime,
  BudgetLadder,
  BudgetWatch,
  BudgetsService,
];
