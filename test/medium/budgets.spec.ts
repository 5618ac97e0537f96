import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { AttemptLedger, GatewayContext, Identity } from '../../src/core/context';
import { NANO_PER_USD } from '../../src/core/money';
import { BudgetsService, type BudgetFields } from '../../src/billing/budgets/budgets.service';
import { chatRequest, contextOf, IDENTITY, outcome, usageOf } from '../../src/billing/testing/usage-fixtures';
import { SystemClock } from '../../src/platform/clock';
import { Child } from '../support/child';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';
import { verifyLedger } from '../../src/billing/ledger/ledger-verifier';
import { connect, emptyBilling, startBilling, type RunningBilling } from './billing.support';

interface Standing {
  readonly spent: string;
  readonly leased: string;
  readonly unaccounted: string;
  readonly overrun: string;
}

const CHILD = path.resolve(__dirname, '../support/billing.child.ts');
const clock = new SystemClock();

/** What a provider bills for a call of the fixtures: 20 tokens read, as many written as asked for, at 2.5 and 10 USD a million. */
const billed = (outputTokens: number): bigint => 20n * 2_500n + BigInt(outputTokens) * 10_000n;

describe('hard budgets on PostgreSQL', () => {
  let url: string;
  let root: string;
  let database: DataSource;
  let budgets: BudgetsService;
  const running: RunningBilling[] = [];

  beforeAll(async () => {
    Logger.overrideLogger(false);
    url = await createTestDatabase();
    database = await connect(url);
    await database.runMigrations();
    await database.query("insert into departments (id, name) values ('dep_1', 'research')");
    await database.query("insert into teams (id, name, department_id) values ('team_1', 'search', 'dep_1')");
    budgets = new BudgetsService(database, clock);
  });

  afterAll(async () => {
    await database.destroy();
    Logger.overrideLogger(['log', 'warn', 'error']);
  });

  beforeEach(async () => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'budgets-'));
    await emptyBilling(database);
  });

  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
    fs.rmSync(root, { recursive: true, force: true });
  });

  const budget = (changes: Partial<BudgetFields> = {}): BudgetFields => ({
    name: 'test',
    scope: 'organization',
    scopeId: null,
    limitNanoUsd: NANO_PER_USD,
    period: 'month',
    timezone: 'UTC',
    hard: true,
    alerts: [],
    models: null,
    ...changes,
  });

  const start = async (count = 1, maxWaitMs?: number): Promise<RunningBilling[]> => {
    for (let index = 0; index < count; index += 1) {
      const one = await startBilling(url, root, { shipIntervalMs: 30, adoptIntervalMs: 200 }, clock, maxWaitMs);
      await one.directory.reload();
      running.push(one);
    }
    return running;
  };

  const standing = async (id: string): Promise<Standing> => {
    const [row] = await database.query<Standing[]>(
      `select spent_nano_usd as spent, leased_nano_usd as leased, unaccounted_nano_usd as unaccounted, overrun_nano_usd as overrun
       from budget_periods where budget_id = $1 order by starts_at desc limit 1`,
      [id],
    );
    return row ?? { spent: '0', leased: '0', unaccounted: '0', overrun: '0' };
  };

  /** Opens a ledger for a caller, as the interceptor does. */
  const begin = (
    { billing }: RunningBilling,
    identity: Identity = IDENTITY,
  ): { context: GatewayContext; ledger: AttemptLedger } => {
    const context = contextOf(clock, identity);
    billing.track(context);
    const ledger = billing.openLedger(context);
    context.attempts = ledger;
    context.request = chatRequest();
    return { context, ledger };
  };

  /** One call from admission to settlement; returns what the provider billed, or the code of the refusal. */
  const call = async (
    replica: RunningBilling,
    maxTokens: number | null,
    writes: number,
    identity = IDENTITY,
  ): Promise<bigint | string> => {
    const { context, ledger } = begin(replica, identity);
    const request = chatRequest('gpt-4o', 'hello', maxTokens);
    try {
      const attempt = await ledger.open({ index: 1, provider: 'openai', model: 'gpt-4o', request });
      await sleep(Math.random() * 15);
      const output = Math.min(writes, attempt.maxOutputTokens ?? maxTokens ?? Infinity);
      attempt.settle(outcome({ usage: usageOf(20, output) }));
      return billed(output);
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    } finally {
      context.close();
    }
  };

  const sumOf = (results: readonly (bigint | string)[]): bigint =>
    results.reduce<bigint>((sum, result) => (typeof result === 'bigint' ? sum + result : sum), 0n);

  it.each([
    { name: 'with max_tokens', maxTokens: 50 },
    { name: 'without max_tokens', maxTokens: null },
  ])(
    'three replicas, 1,000 calls at once, money for exactly 100: $name (BUD-1)',
    async ({ name, maxTokens }) => {
      const limit = 100n * billed(50);
      const { id } = await budgets.create(budget({ limitNanoUsd: limit, scope: 'team', scopeId: 'team_1' }));
      // So long that a busy machine refuses nobody whom a quiet one would serve.
      const replicas = await start(3, 90_000);
      const startedMs = clock.monotonic();
      const results = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) => {
          const replica = replicas[index % 3];
          if (!replica) throw new Error('no replica');
          return call(replica, maxTokens, 50);
        }),
      );
      const tookMs = Math.round(clock.monotonic() - startedMs);
      const served = results.filter((result) => typeof result === 'bigint');
      const provider = sumOf(results);
      process.stdout.write(
        `BUD-1 ${name}: ${served.length} served, billed ${provider} of ${limit} nano-dollars, ${tookMs} ms\n`,
      );
      expect(provider).toBeLessThanOrEqual(limit);
      expect(served.length).toBeGreaterThanOrEqual(95);
      expect(new Set(results.filter((result) => typeof result === 'string'))).toEqual(new Set(['budget_exceeded']));
      for (const one of running.splice(0)) await one.stop();
      expect(await standing(id)).toEqual({ spent: provider.toString(), leased: '0', unaccounted: '0', overrun: '0' });
    },
    150_000,
  );

  it('leaves nothing held, whatever way a call ends (BUD-2)', async () => {
    const { id } = await budgets.create(budget());
    const [replica] = await start();
    if (!replica) throw new Error('no replica');
    for (let round = 0; round < 200; round += 1) {
      const { context, ledger } = begin(replica);
      const request = chatRequest('gpt-4o', 'hello', 100);
      if (round % 5 === 4) {
        // The client leaves while its call waits for money.
        const opening = Promise.resolve(ledger.open({ index: 1, provider: 'openai', model: 'gpt-4o', request }));
        context.close();
        await opening.catch(() => undefined);
        continue;
      }
      const attempt = await ledger.open({ index: 1, provider: 'openai', model: 'gpt-4o', request });
      if (round % 5 === 0) attempt.settle(outcome({ usage: usageOf(20, 50) }));
      if (round % 5 === 1) attempt.settle(outcome({ status: 'failed', httpStatus: 500, billable: false }));
      if (round % 5 === 2) attempt.settle(outcome({ status: 'aborted', billable: true }));
      context.close();
    }
    await until(async () => (await standing(id)).leased === '0', 35_000);
    const [row] = await database.query<{ cost: string }[]>('select sum(cost_nano_usd) as cost from usage_attempts');
    expect(await standing(id)).toEqual({ spent: row?.cost, leased: '0', unaccounted: '0', overrun: '0' });
  }, 60_000);

  it('asks all levels at once: a refusal names its level and takes nothing anywhere (BUD-4)', async () => {
    const { id: team } = await budgets.create(budget({ scope: 'team', scopeId: 'team_1', name: 'team' }));
    const { id: all } = await budgets.create(budget({ name: 'all', limitNanoUsd: 1_000n }));
    const [replica] = await start();
    if (!replica) throw new Error('no replica');
    const { context, ledger } = begin(replica);
    const request = chatRequest('gpt-4o', 'hello', 100);
    await expect(
      Promise.resolve(ledger.open({ index: 1, provider: 'openai', model: 'gpt-4o', request })),
    ).rejects.toMatchObject({
      status: 429,
      code: 'budget_exceeded',
      type: 'insufficient_quota',
      shouldRetry: false,
      message: expect.stringContaining('organization budget "all"') as string,
      facts: { budget_id: all, spent_usd: '0', limit_usd: '0.000001' },
    });
    context.close();
    await replica.desk.tick();
    await replica.desk.tick();
    expect(await standing(team)).toMatchObject({ spent: '0', leased: '0' });
    expect(await standing(all)).toMatchObject({ spent: '0', leased: '0' });
  });

  it('takes a lowered limit and a top-up into force within a second (BUD-8)', async () => {
    const { id } = await budgets.create(budget());
    const [replica] = await start();
    if (!replica) throw new Error('no replica');
    expect(await call(replica, 50, 50)).toBe(billed(50));
    await budgets.update(id, { limitNanoUsd: 1_000n });
    await replica.directory.reload();
    await replica.desk.budgetsChanged();
    expect(await call(replica, 50, 50)).toBe('budget_exceeded');
    await budgets.topUp(id, {
      amountNanoUsd: NANO_PER_USD,
      expiresAt: new Date(clock.now() + 60_000),
      reason: 'month-end report',
    });
    await replica.desk.budgetsChanged();
    expect(await call(replica, 50, 50)).toBe(billed(50));
    await expect(
      budgets.topUp(id, { amountNanoUsd: 1n, expiresAt: new Date(clock.now() - 1), reason: 'late' }),
    ).rejects.toMatchObject({ status: 400, param: 'expires_at' });
  });

  it('spends nothing of a top-up that has expired, though a lease still holds some of it', async () => {
    const { id } = await budgets.create(budget({ limitNanoUsd: 1_000n }));
    const [replica] = await start();
    if (!replica) throw new Error('no replica');
    const expiresAt = new Date(clock.now() + 2_000);
    await budgets.topUp(id, { amountNanoUsd: NANO_PER_USD, expiresAt, reason: 'an afternoon' });
    // As long as there is traffic a lease keeps what the next seconds need.
    while (clock.now() < expiresAt.getTime() - 50) expect(await call(replica, 50, 50)).toBe(billed(50));
    expect(BigInt((await standing(id)).leased)).toBeGreaterThan(billed(50));
    await sleep(expiresAt.getTime() - clock.now() + 1);
    expect(await call(replica, 50, 50)).toBe('budget_exceeded');
  });

  it('makes as many at once as there are connections, each in a transaction of its own', async () => {
    const made = Array.from({ length: 12 }, (_, index) =>
      database.transaction((manager) =>
        budgets.create(budget({ scope: 'team', scopeId: 'team_1', models: [`model-${index}`] }), manager),
      ),
    );
    expect(new Set((await Promise.all(made)).map(({ id }) => id)).size).toBe(12);
  });

  it('counts every one of many top-ups made at once, while replicas spend', async () => {
    const one = billed(50);
    const { id } = await budgets.create(budget({ limitNanoUsd: 10n * one }));
    const replicas = await start(3, 90_000);
    const expiresAt = new Date(clock.now() + 600_000);
    const topUp = (): Promise<unknown> => budgets.topUp(id, { amountNanoUsd: one, expiresAt, reason: 'more' });
    const calls = Array.from({ length: 60 }, (_, index) => call(replicas[index % 3]!, 50, 50));
    const made = Promise.all(Array.from({ length: 20 }, topUp));
    const early = sumOf(await Promise.all(calls));
    await made;
    expect((await budgets.get(id)).standing.allowedNanoUsd).toBe(30n * one);
    expect(await budgets.topUps(id)).toHaveLength(20);
    // What was refused before the last top-up was there is served now, to the last nano-dollar.
    for (const replica of replicas) await replica.desk.budgetsChanged();
    const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => call(replicas[index % 3]!, 50, 50)));
    expect(new Set(answers.filter((answer) => typeof answer === 'string'))).toEqual(new Set(['budget_exceeded']));
    const late = sumOf(answers);
    for (const replica of running.splice(0)) await replica.stop();
    expect(early + late).toBeLessThanOrEqual(30n * one);
    expect(early + late).toBeGreaterThan(29n * one);
    expect(await standing(id)).toMatchObject({ spent: (early + late).toString(), leased: '0', overrun: '0' });
    const [period] = await database.query<{ ceiling: string }[]>(
      'select ceiling_nano_usd as ceiling from budget_periods where budget_id = $1',
      [id],
    );
    expect(period?.ceiling).toBe((30n * one).toString());
  }, 150_000);

  it('begins a new period at zero, while calls that run belong to the old one (BUD-8)', async () => {
    const { id } = await budgets.create(budget({ limitNanoUsd: billed(50) + 400_000n, period: 'hour' }));
    const [replica] = await start();
    if (!replica) throw new Error('no replica');
    const old = begin(replica);
    const request = chatRequest('gpt-4o', 'hello', 50);
    const attempt = await old.ledger.open({ index: 1, provider: 'openai', model: 'gpt-4o', request });
    await replica.desk.budgetsChanged();
    // The hour is over.
    await database
      .query(
        "update budget_periods set starts_at = starts_at - interval '2 hours', ends_at = clock_timestamp() where budget_id = $1",
        [id],
      )
      .catch(async () => {
        await database.query('update budget_periods set ends_at = clock_timestamp() where budget_id = $1', [id]);
      });
    expect(await call(replica, 50, 50)).toBe(billed(50));
    attempt.settle(outcome({ usage: usageOf(20, 50) }));
    old.context.close();
    for (const one of running.splice(0)) await one.stop();
    const periods = await database.query<{ spent: string; leased: string }[]>(
      'select spent_nano_usd as spent, leased_nano_usd as leased from budget_periods where budget_id = $1 order by starts_at',
      [id],
    );
    expect(periods).toEqual([
      { spent: billed(50).toString(), leased: '0' },
      { spent: billed(50).toString(), leased: '0' },
    ]);
  });

  it('finds the calendar period in any time zone, over changes of the clocks and ends of months (BUD-8)', async () => {
    const bounds = async (period: string, zone: string, at: string): Promise<string[]> => {
      const [row] = await database.query<{ starts: Date; ends: Date }[]>('select * from budget_bounds($1, $2, $3)', [
        period,
        zone,
        at,
      ]);
      return [row?.starts.toISOString() ?? '', row?.ends.toISOString() ?? ''];
    };
    // 23 hours in spring, 25 in autumn.
    expect(await bounds('day', 'Europe/Berlin', '2027-03-28T10:00:00Z')).toEqual([
      '2027-03-27T23:00:00.000Z',
      '2027-03-28T22:00:00.000Z',
    ]);
    expect(await bounds('day', 'Europe/Berlin', '2026-10-25T10:00:00Z')).toEqual([
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T23:00:00.000Z',
    ]);
    // The hour that comes twice is two hours.
    expect(await bounds('hour', 'Europe/Berlin', '2026-10-25T00:30:00Z')).toEqual([
      '2026-10-25T00:00:00.000Z',
      '2026-10-25T01:00:00.000Z',
    ]);
    expect(await bounds('hour', 'Europe/Berlin', '2026-10-25T01:30:00Z')).toEqual([
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T02:00:00.000Z',
    ]);
    expect(await bounds('month', 'America/New_York', '2026-02-28T23:59:59Z')).toEqual([
      '2026-02-01T05:00:00.000Z',
      '2026-03-01T05:00:00.000Z',
    ]);
    expect(await bounds('week', 'UTC', '2026-11-22T23:59:59Z')).toEqual([
      '2026-11-16T00:00:00.000Z',
      '2026-11-23T00:00:00.000Z',
    ]);
    // No midnight on that day.
    expect(await bounds('day', 'America/Sao_Paulo', '2018-11-04T12:00:00Z')).toEqual([
      '2018-11-04T03:00:00.000Z',
      '2018-11-05T02:00:00.000Z',
    ]);
    guarantee(
      'BUD-8',
      '23 and 25 hour days, the hour that comes twice, a day without midnight, month ends: each period once',
    );
  });

  it('charges a silent lease whole, and gives back what its journal proves unspent', async () => {
    const { id } = await budgets.create(budget());
    const [replica] = await start();
    if (!replica) throw new Error('no replica');
    expect(await call(replica, 50, 50)).toBe(billed(50));
    await until(async () => (await standing(id)).spent !== '0');
    const { leased } = await standing(id);
    expect(BigInt(leased)).toBeGreaterThan(0n);
    await database.query("update budget_leases set expires_at = now() - interval '1 second'");
    await replica.authority.sweep();
    expect(await standing(id)).toEqual({
      spent: billed(50).toString(),
      leased: '0',
      unaccounted: leased,
      overrun: '0',
    });
    await database.query('select budget_close_instance($1)', [replica.usage.journal.instanceId]);
    expect(await standing(id)).toEqual({ spent: billed(50).toString(), leased: '0', unaccounted: '0', overrun: '0' });
  });

  it('has every nano-dollar in its place after kill -9 at any point (BUD-2, BUD-7)', async () => {
    const limit = 400_000_000n;
    const { id } = await budgets.create(budget({ limitNanoUsd: limit }));
    for (let round = 0; round < 8; round += 1) {
      const child = Child.run(CHILD, [url, root]);
      await child.printed(/ready\n/);
      await sleep(50 + Math.random() * 300);
      child.process.kill('SIGKILL');
      await child.exit;
    }
    await start();
    await until(() => fs.readdirSync(root).filter((name) => name.startsWith('inst_')).length === 1);
    const [row] = await database.query<{ cost: string; doubtful: string }[]>(
      "select sum(cost_nano_usd) as cost, count(*) filter (where status = 'in_doubt') as doubtful from usage_attempts",
    );
    process.stdout.write(
      `after 8 kills: ${row?.cost} of ${limit} nano-dollars spent, ${row?.doubtful} calls in doubt\n`,
    );
    expect(await standing(id)).toEqual({ spent: row?.cost, leased: '0', unaccounted: '0', overrun: '0' });
    expect(BigInt(row?.cost ?? 0)).toBeGreaterThan(0n);
    expect(BigInt(row?.cost ?? 0)).toBeLessThanOrEqual(limit);
    expect((await verifyLedger(database)).filter(({ differences }) => differences.length > 0)).toEqual([]);
    guarantee('BUD-2', `after 8 kill -9: ${row?.cost} nano-dollars spent, ${row?.doubtful} calls in doubt, held 0`);
  }, 120_000);

  it('counts soft budgets and never denies by them', async () => {
    const { id } = await budgets.create(budget({ hard: false, limitNanoUsd: 1n }));
    const [replica] = await start();
    if (!replica) throw new Error('no replica');
    expect(await call(replica, 50, 50)).toBe(billed(50));
    await until(async () => (await standing(id)).spent === billed(50).toString());
    expect((await budgets.get(id)).standing).toMatchObject({ spentNanoUsd: billed(50), heldNanoUsd: 0n });
  });
});
