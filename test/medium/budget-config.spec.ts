import { Logger, type Type } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { BudgetConfig, BudgetsConfig } from '../../src/billing/budgets.config';
import { BudgetConfigSync } from '../../src/billing/budgets/budget-config-sync';
import { BudgetsService } from '../../src/billing/budgets/budgets.service';
import { NANO_PER_USD } from '../../src/core/money';
import { SystemClock } from '../../src/platform/clock';
import { LiveConfig } from '../../src/platform/config/live-config';
import { createTestDatabase } from '../support/test-database';
import { connect, emptyBilling } from './billing.support';

const clock = new SystemClock();
const NOBODY = 'team_00000000000000000000000000';

/** A file that declares these budgets. */
class Declares extends LiveConfig {
  readonly version = 'c1';
  private readonly budgets = new BudgetsConfig();

  constructor(entries: Readonly<Record<string, Partial<BudgetConfig>>>) {
    super();
    const common = { scope: 'organization', period: 'month', limit_usd: '10' } as const;
    this.budgets.entries = Object.fromEntries(
      Object.entries(entries).map(([name, budget]) => [name, Object.assign(new BudgetConfig(), common, budget)]),
    );
  }

  override section<T extends object>(type: Type<T>): T {
    if (!(this.budgets instanceof type)) throw new Error(`${type.name} is not read here`);
    return this.budgets;
  }

  override onReload(): () => void {
    return () => undefined;
  }
}

describe('budgets of the configuration beside what is stored', () => {
  let database: DataSource;
  let warn: jest.SpyInstance;

  beforeAll(async () => {
    database = await connect(await createTestDatabase());
    await database.runMigrations();
  });

  afterAll(() => database.destroy());

  beforeEach(async () => {
    await emptyBilling(database);
    warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
  });

  afterEach(() => warn.mockRestore());

  const apply = (entries: Readonly<Record<string, Partial<BudgetConfig>>>): Promise<void> =>
    new BudgetConfigSync(database, new Declares(entries), clock).apply();

  const names = async (): Promise<unknown[]> =>
    (await database.query<{ name: string }[]>('select name from budgets where removed_at is null order by name')).map(
      ({ name }) => name,
    );

  const made = (name: string, period: 'month' | 'day'): Promise<unknown> =>
    new BudgetsService(database, clock).create({
      name,
      scope: 'organization',
      scopeId: null,
      limitNanoUsd: NANO_PER_USD,
      period,
      timezone: 'UTC',
      hard: true,
      alerts: [],
      models: null,
    });

  it('warns of one that counts the same as one made by API, again after each reload; both hold', async () => {
    await made('by hand', 'month');
    await apply({ everyone: {} });
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/^budgets\.everyone counts the same .* "by hand"/));
    await apply({ everyone: {} });
    expect(warn).toHaveBeenCalledTimes(2);
    expect(await names()).toEqual(['by hand', 'everyone']);
  });

  it('warns of one whose team there is not', async () => {
    await apply({ lost: { scope: 'team', scope_id: NOBODY } });
    expect(warn).toHaveBeenCalledWith(expect.stringContaining(`budgets.lost: there is no team "${NOBODY}"`));
    expect(await names()).toEqual(['lost']);
  });

  it('warns of nothing else: not of itself, another period, or a soft one', async () => {
    await made('by hand', 'day');
    await apply({ everyone: {}, watched: { hard: false } });
    await apply({ everyone: {}, watched: { hard: false } });
    expect(warn).not.toHaveBeenCalled();
  });
});
