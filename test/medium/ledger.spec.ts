import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { PostgresBudgetAuthority } from '../../src/billing/budgets/postgres-budget-authority';
import { ledgerReport, verifyLedger } from '../../src/billing/ledger/ledger-verifier';
import { PostgresUsageStore } from '../../src/billing/store/postgres-usage-store';
import type { UsageRows } from '../../src/billing/store/usage-store';
import { Child } from '../support/child';
import { guarantee } from '../support/guarantee';
import { createTestDatabase } from '../support/test-database';
import { until } from '../support/until';
import { connect } from './billing.support';
import { usageRows } from './usage-rows.support';

const ROOT = path.resolve(__dirname, '../..');
const RUNS = Number(process.env['LEDGER_RUNS'] ?? 12);

interface Posting {
  readonly account: string;
  readonly subject: string;
  readonly kind: string;
  readonly amount: string;
}

describe('the ledger', () => {
  let url: string;
  let database: DataSource;
  let store: PostgresUsageStore;
  let sequence = 0;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    url = await createTestDatabase();
    database = await connect(url);
    await database.runMigrations();
    store = new PostgresUsageStore(database);
  });

  afterAll(async () => {
    await database.destroy();
    Logger.overrideLogger(['log', 'warn', 'error']);
  });

  const budget = async (hard: boolean, limit = 1_000_000): Promise<string> => {
    sequence += 1;
    const id = `bud_${sequence}`;
    await database.query(
      `insert into budgets (id, name, source, scope, limit_nano_usd, period, timezone, hard, alerts)
       values ($1, $1, 'api', 'organization', $2, 'month', 'UTC', $3, '{}')`,
      [id, limit, hard],
    );
    return id;
  };

  const postingsOf = (subject: string): Promise<Posting[]> =>
    database.query<Posting[]>(
      `select account, subject, kind, sum(amount_nano_usd)::text as amount from ledger_postings where subject = $1
       group by 1, 2, 3 order by 1, 3`,
      [subject],
    );

  const expectBalanced = async (): Promise<void> => {
    const findings = await verifyLedger(database);
    expect(findings.filter(({ differences }) => differences.length > 0)).toEqual([]);
  };

  it('books a call once: out of its lease into what is spent, and as owed to the provider', async () => {
    const id = await budget(true);
    const authority = new PostgresBudgetAuthority(database, 'inst_a');
    await authority.acquire(
      [{ budgetId: id, leaseId: 'inst_a/1', slackNanoUsd: 0n }],
      [[{ place: 0, amountNanoUsd: 500n }]],
    );
    const rows = usageRows({ provider: 'once', cost: 300n, charges: [{ budget: id, lease: 'inst_a/1' }] });
    await store.write(rows);
    await Promise.all([store.write(rows), store.write(rows)]);
    await authority.renew([{ leaseId: 'inst_a/1', returnNanoUsd: 50n }]);
    await authority.close(['inst_a/1']);
    expect(await postingsOf(id)).toEqual([
      { account: 'available', subject: id, kind: 'lease', amount: '-500' },
      { account: 'available', subject: id, kind: 'return', amount: '200' },
      { account: 'leased', subject: id, kind: 'lease', amount: '500' },
      { account: 'leased', subject: id, kind: 'return', amount: '-200' },
      { account: 'leased', subject: id, kind: 'usage', amount: '-300' },
      { account: 'spent', subject: id, kind: 'usage', amount: '300' },
    ]);
    expect(await postingsOf('once')).toEqual([{ account: 'payable', subject: 'once', kind: 'usage', amount: '-300' }]);
    const [attempt] = await database.query<{ same: boolean }[]>(
      `select ledger_txn = (select txn_id from ledger_postings where subject = 'once') as same
       from usage_attempts where provider = 'once'`,
    );
    expect(attempt).toEqual({ same: true });
    await expectBalanced();
  });

  it('keeps apart what no lease covered, what a silent process held, and what only counts', async () => {
    const [hard, soft] = [await budget(true), await budget(false)];
    const authority = new PostgresBudgetAuthority(database, 'inst_b', 0);
    const take = (leaseId: string): Promise<unknown> =>
      authority.acquire([{ budgetId: hard, leaseId, slackNanoUsd: 0n }], [[{ place: 0, amountNanoUsd: 100n }]]);
    await take('inst_b/1');
    await store.write(
      usageRows({
        cost: 130n,
        charges: [
          { budget: hard, lease: 'inst_b/1' },
          { budget: soft, lease: null },
        ],
      }),
    );
    await take('inst_b/2');
    await authority.sweep();
    const totals = Object.fromEntries(
      (await postingsOf(hard)).map(({ account, kind, amount }) => [`${account} ${kind}`, amount]),
    );
    expect(totals).toMatchObject({ 'spent usage': '100', 'overrun usage': '30', 'unaccounted silence': '100' });
    expect(await postingsOf(soft)).toEqual([
      { account: 'available', subject: soft, kind: 'usage', amount: '-130' },
      { account: 'spent', subject: soft, kind: 'usage', amount: '130' },
    ]);
    await expectBalanced();
  });

  it('corrects with new postings, in the budgets that paid and in the request', async () => {
    const id = await budget(true);
    const rows = usageRows({ provider: 'corrected', cost: 1_000n, charges: [{ budget: id, lease: null }] });
    const { attempt } = rows;
    await store.write(rows);
    for (const cost of ['400', '1500']) {
      await database.query('update usage_attempts set cost_nano_usd = $2 where id = $1', [attempt.id, cost]);
      const [request] = await database.query<{ cost: string }[]>(
        'select cost_nano_usd as cost from usage_requests where id = $1',
        [attempt.request_id],
      );
      expect(request).toEqual({ cost });
      await expectBalanced();
    }
    expect(await postingsOf('corrected')).toEqual([
      { account: 'payable', subject: 'corrected', kind: 'correction', amount: '-500' },
      { account: 'payable', subject: 'corrected', kind: 'usage', amount: '-1000' },
    ]);
    const references = await database.query<object[]>(
      "select distinct reference from ledger_postings where kind = 'correction' and subject = $1",
      [id],
    );
    expect(references).toEqual([{ reference: attempt.id }]);
  });

  it('corrects a call where it was paid, when it began in the next period, which has spent nothing', async () => {
    const id = await budget(true);
    const authority = new PostgresBudgetAuthority(database, 'inst_late');
    const asks = [{ budgetId: id, leaseId: 'inst_late/1', slackNanoUsd: 0n }];
    await authority.acquire(asks, [[{ place: 0, amountNanoUsd: 1_000n }]]);
    const startedAtMs = Date.now() + 32 * 24 * 60 * 60_000;
    await database.query('select budget_period_at($1, $2)', [id, new Date(startedAtMs)]);
    const rows = usageRows({ cost: 1_000n, startedAtMs, charges: [{ budget: id, lease: 'inst_late/1' }] });
    await store.write(rows);
    await database.query('update usage_attempts set cost_nano_usd = 400 where id = $1', [rows.attempt.id]);
    const periods = await database.query<{ spent: string }[]>(
      'select spent_nano_usd as spent from budget_periods where budget_id = $1 order by starts_at',
      [id],
    );
    expect(periods.map(({ spent }) => spent)).toEqual(['400', '0']);
    await expectBalanced();
  });

  it('refuses what does not come to zero, what is late, and any change', async () => {
    const insert = (rows: string): Promise<unknown> =>
      database.transaction(async (manager) => {
        await manager.query('select ledger_current_txn()');
        await manager.query(
          `insert into ledger_postings (txn_id, at, account, subject, kind, amount_nano_usd) ${rows}`,
        );
      });
    await expect(insert(`values (ledger_current_txn(), now(), 'payable', 'x', 'usage', 1)`)).rejects.toThrow(
      'does not balance',
    );
    await expect(insert(`select txn_id, at, 'payable', 'x', 'usage', 1 from ledger_postings limit 1`)).rejects.toThrow(
      'a posting belongs to the ledger transaction that is open',
    );
    for (const change of [
      'update ledger_postings set amount_nano_usd = 1',
      'delete from ledger_postings',
      'update ledger_txns set at = now()',
      'delete from ledger_txns',
      'truncate ledger_postings',
      'truncate ledger_txns',
    ]) {
      await expect(database.query(change)).rejects.toThrow('the ledger is never changed');
    }
    await expectBalanced();
  });

  it(`balances after any history of leases, calls, lies, silence and corrections (BUD-7)`, async () => {
    const budgets = [await budget(true, 50_000), await budget(true, 20_000), await budget(false)];
    const step = fc.record({
      kind: fc.constantFrom('lease', 'lease', 'ship', 'ship', 'ship', 'replay', 'return', 'close', 'sweep', 'correct'),
      place: fc.nat(2),
      amount: fc.nat(3_000),
      count: fc.integer({ min: 1, max: 5 }),
    });
    let run = 0;
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        run += 1;
        const silent = new PostgresBudgetAuthority(database, `inst_p${run}`, 0);
        const loud = new PostgresBudgetAuthority(database, `inst_p${run}`);
        const leaseOf = (place: number): string => `inst_p${run}/${place}`;
        const shipped: (UsageRows & { readonly first: string | undefined })[] = [];
        for (const { kind, place, amount, count } of steps) {
          const budgetId = budgets[place % 2]!;
          const leaseId = leaseOf(place % 2);
          if (kind === 'lease') {
            const ask = { budgetId, leaseId, slackNanoUsd: BigInt(amount) };
            await (count > 3 ? silent : loud).acquire([ask], [[{ place: 0, amountNanoUsd: BigInt(amount + 1) }]]);
          } else if (kind === 'ship') {
            const batches = Array.from({ length: count }, (_, index) =>
              usageRows({
                provider: `p${place}`,
                cost: BigInt(amount * index),
                charges: [
                  { budget: budgetId, lease: index % 2 === 0 ? leaseId : null },
                  { budget: budgets[2]!, lease: null },
                ],
              }),
            );
            const rows = {
              attempts: batches.flatMap(({ attempts }) => attempts),
              requests: batches.flatMap(({ requests }) => requests),
              first: batches[0]?.attempt.id,
            };
            shipped.push(rows);
            await store.write(rows);
          } else if (kind === 'replay') {
            const rows = shipped[place];
            if (rows) await store.write(rows);
          } else if (kind === 'return') await loud.renew([{ leaseId, returnNanoUsd: BigInt(amount) }]);
          else if (kind === 'close') await loud.close([leaseId]);
          else if (kind === 'sweep') await silent.sweep();
          else {
            const id = shipped[place]?.first;
            await database.query('update usage_attempts set cost_nano_usd = $2 where id = $1', [id, amount]);
          }
        }
        await expectBalanced();
      }),
      { numRuns: RUNS, seed },
    );
    const [{ count } = { count: '0' }] = await database.query<{ count: string }[]>(
      'select count(*) from ledger_postings',
    );
    guarantee('BUD-7', `${RUNS} random histories, ${count} postings, every transaction and balance exact`, seed);
  });

  it('npm run ledger:verify says that it balances, and finds what somebody changed', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ledger-verify-'));
    const config = path.join(directory, 'gateway.yaml');
    fs.writeFileSync(config, 'cache: { enabled: false }\n');
    const verify = async (): Promise<{ code: number | null; text: string }> => {
      const child = Child.run(path.join(ROOT, 'src/ledger-verify.ts'), [], {
        env: { DATABASE_URL: url, GATEWAY_CONFIG: config, GATEWAY_DATA_DIR: directory, NO_COLOR: '1' },
      });
      return { code: await child.exit, text: child.text };
    };
    try {
      expect(await verify()).toMatchObject({
        code: 0,
        text: expect.stringContaining('The ledger balances.') as string,
      });
      const id = await budget(false);
      await store.write(usageRows({ provider: 'planted', cost: 900n, charges: [{ budget: id, lease: null }] }));
      await database.query('update budget_periods set spent_nano_usd = spent_nano_usd - 7 where budget_id = $1', [id]);
      await database.query("delete from usage_attempts where provider = 'planted'");
      await database.query("update usage_hours set cost_nano_usd = cost_nano_usd + 1 where provider = 'planted'");
      const found = await verify();
      expect(found.code).toBe(1);
      for (const line of [
        'WRONG the balances of budgets are the sums of their postings',
        `${id} from \\S+, spent: booked 900, found 893`,
        'payable planted: booked -900, found 0',
        `spent of ${id}: booked 900, found 0`,
        'WRONG the roll-ups are the sums of the requests',
        'ok +every transaction comes to zero',
        'The ledger does not balance: 4 of 7 claims are wrong',
      ]) {
        expect(found.text).toMatch(new RegExp(line));
      }
      expect(ledgerReport([])).toBe('The ledger balances.\n');
      // Its connection is cut while it waits for a table that somebody else holds.
      await database.transaction(async (manager) => {
        await manager.query('lock table usage_hours in access exclusive mode');
        const cut = verify();
        await until(async () => {
          // On another connection: a transaction sees the activity of its first look.
          const ended = await database.query<object[]>(
            `select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and wait_event_type = 'Lock'`,
          );
          return ended.length > 0;
        });
        expect(await cut).toMatchObject({
          code: 2,
          text: expect.stringMatching(/was not verified: .*\. The database went away meanwhile/) as string,
        });
      });
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);
});
