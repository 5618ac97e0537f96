import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { UsageFigures } from '../../src/admin/console/data/usage-figures';
import { verifyLedger } from '../../src/billing/ledger/ledger-verifier';
import { PostgresUsageStore } from '../../src/billing/store/postgres-usage-store';
import { UsageQueries, type UsageGroup } from '../../src/billing/usage-queries';
import { UsageRetention } from '../../src/billing/usage-retention';
import { UsageConfig } from '../../src/billing/usage.config';
import type { UsageRows } from '../../src/billing/store/usage-store';
import { SystemClock } from '../../src/platform/clock';
import { createTestDatabase } from '../support/test-database';
import { connect } from './billing.support';
import { usageRows } from './usage-rows.support';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RUNS = Number(process.env['ROLL_UP_RUNS'] ?? 15);

/** Sums of rows as a report gives them, without any roll-up: what the answer must be. */
const BY_ROWS = `
  select team_id, model, count(*)::int as requests, count(*) filter (where status >= 400 or error_code is not null)::int as errors,
    sum(input_tokens)::int as input, sum(cost_nano_usd)::text as cost
  from usage_requests where started_at >= $1 and started_at < $2 group by 1, 2 order by 1, 2`;

describe('roll-ups', () => {
  let database: DataSource;
  let store: PostgresUsageStore;
  const nowMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await connect(await createTestDatabase());
    await database.runMigrations();
    store = new PostgresUsageStore(database);
  });

  afterAll(async () => {
    await database.destroy();
    Logger.overrideLogger(['log', 'warn', 'error']);
  });

  const differences = async (): Promise<object[]> => {
    const tables = { usage_hours: 'hour', usage_days: 'day' };
    const found: object[] = [];
    for (const [table, unit] of Object.entries(tables)) {
      found.push(
        ...(await database.query<object[]>(`
          select * from (
            select starts_at, department_id, team_id, user_id, key_id, provider, model, requests, errors, fallbacks, cache_hits,
              streams, attempts, input_tokens, output_tokens, input_image_tokens, output_image_tokens, cost_nano_usd,
              saved_nano_usd from ${table} where requests <> 0
          ) as sums full join (
            select date_trunc('${unit}', started_at, 'UTC') as starts_at, department_id, team_id, coalesce(user_id, '') as user_id,
              key_id, coalesce(provider, '') as provider, coalesce(model, '') as model, count(*) as requests,
              count(*) filter (where status >= 400 or error_code is not null) as errors, count(*) filter (where fallback) as fallbacks,
              count(*) filter (where cache_status in ('hit', 'semantic-hit')) as cache_hits, count(*) filter (where stream) as streams,
              sum(attempts) as attempts, sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
              sum(input_image_tokens) as input_image_tokens, sum(output_image_tokens) as output_image_tokens,
              sum(cost_nano_usd) as cost_nano_usd, sum(saved_nano_usd) as saved_nano_usd
            from usage_requests group by 1, 2, 3, 4, 5, 6, 7
          ) as rows using (starts_at, department_id, team_id, user_id, key_id, provider, model, requests, errors, fallbacks,
            cache_hits, streams, attempts, input_tokens, output_tokens, input_image_tokens, output_image_tokens, cost_nano_usd,
            saved_nano_usd)
          where sums is null or rows is null`)),
      );
    }
    return found;
  };

  const shape = ({ dimensions, requests, errors, inputTokens, costNanoUsd }: UsageGroup): object => ({
    team_id: dimensions['team'],
    model: dimensions['model'],
    requests,
    errors,
    input: inputTokens,
    cost: costNanoUsd.toString(),
  });

  it('equal the sums of rows after any batches, replays, interruptions and corrections, over any time', async () => {
    const queries = new UsageQueries(database, new SystemClock());
    const figures = new UsageFigures(database);
    const row = fc.record({
      cost: fc.bigInt({ min: 0n, max: 10n ** 12n }),
      startedAtMs: fc.integer({ min: nowMs - 4 * DAY_MS, max: nowMs }),
      teamId: fc.constantFrom('team_1', 'team_2'),
      keyId: fc.constantFrom('key_1', 'key_2', 'key_3'),
      model: fc.constantFrom('gpt-4o', 'claude'),
      provider: fc.constantFrom('openai', 'anthropic'),
      inputTokens: fc.nat(100_000),
      imageTokens: fc.constantFrom(0, 0, 258, 1_290),
      status: fc.constantFrom(200, 200, 429, 500),
    });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('batch' as const), rows: fc.array(row, { minLength: 1, maxLength: 12 }) }),
      fc.record({ kind: fc.constant('interrupted' as const), rows: fc.array(row, { minLength: 1, maxLength: 3 }) }),
      fc.record({ kind: fc.constant('replay' as const), place: fc.nat(5) }),
      fc.record({ kind: fc.constant('correct' as const), place: fc.nat(5), cost: fc.nat(1_000_000) }),
    );
    const time = fc.integer({ min: nowMs - 4 * DAY_MS, max: nowMs });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), time, time, async (steps, one, other) => {
        const written: (UsageRows & { readonly first: string | undefined })[] = [];
        for (const each of steps) {
          if (each.kind === 'batch' || each.kind === 'interrupted') {
            const parts = each.rows.map((fields) => usageRows(fields));
            const rows = {
              attempts: parts.flatMap(({ attempts }) => attempts),
              requests: parts.flatMap(({ requests }) => requests),
              first: parts[0]?.attempt.id,
            };
            if (each.kind === 'batch') {
              await store.write(rows);
              written.push(rows);
            } else {
              await store.write({ attempts: rows.attempts, requests: [] });
              const unsummed = rows.requests.map((request) =>
                JSON.stringify({ ...(JSON.parse(request.toString()) as object), cost_nano_usd: '0', attempts: 0 }),
              );
              await store.writeInterrupted(unsummed);
              await store.writeInterrupted(unsummed);
            }
            continue;
          }
          const rows = written[each.place];
          if (!rows) continue;
          if (each.kind === 'replay') await Promise.all([store.write(rows), store.write(rows)]);
          else
            await database.query('update usage_attempts set cost_nano_usd = $2 where id = $1', [rows.first, each.cost]);
        }
        expect(await differences()).toEqual([]);
        const [from, to] = [new Date(Math.min(one, other)), new Date(Math.max(one, other) + 1)];
        const expected = await database.query<{ cost: string; requests: number }[]>(BY_ROWS, [from, to]);
        expect((await queries.report({ from, to, groupBy: ['team', 'model'] })).map(shape)).toEqual(expected);
        for (const groupBy of [[], ['team', 'model'], ['hour', 'key'], ['metadata.app', 'day']]) {
          const streamed = [];
          for await (const group of queries.stream({ from, to, groupBy })) streamed.push(group);
          expect(streamed).toEqual(await queries.report({ from, to, groupBy }));
        }
        const total = await figures.totals({ kind: 'all' }, { from, to });
        expect(total.costNanoUsd).toBe(expected.reduce((sum, { cost }) => sum + BigInt(cost), 0n));
        expect(total.requests).toBe(expected.reduce((sum, { requests }) => sum + requests, 0));
        // The overview reads the same once, from every side.
        for (const bucketMs of [DAY_MS, DAY_MS / 24]) {
          const aligned = { from: new Date(Math.floor(from.getTime() / bucketMs) * bucketMs), to };
          const { totals, series, owners, models } = await figures.summary({ kind: 'all' }, aligned, 'team', bucketMs);
          expect(totals).toEqual(await figures.totals({ kind: 'all' }, aligned));
          for (const parts of [series, owners, models]) {
            expect(parts.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0n)).toBe(totals.costNanoUsd);
            expect(parts.reduce((sum, { requests }) => sum + requests, 0)).toBe(totals.requests);
          }
          const dearest = owners.map(({ costNanoUsd }) => costNanoUsd);
          expect(dearest).toEqual([...dearest].sort((left, right) => (left < right ? 1 : left > right ? -1 : 0)));
        }
      }),
      { numRuns: RUNS },
    );
  }, 120_000);

  it('are what a report of whole days reads, so that it outlives the rows', async () => {
    const rows = usageRows({ cost: 77n, teamId: 'team_old', startedAtMs: nowMs - 90 * DAY_MS });
    await store.write(rows);
    await database.query("delete from usage_requests where team_id = 'team_old'");
    const queries = new UsageQueries(database, new SystemClock());
    const [from, to] = [new Date(nowMs - 100 * DAY_MS), new Date(nowMs - 80 * DAY_MS)];
    const ofTeam = async (groupBy: string[]): Promise<bigint | undefined> =>
      (await queries.report({ from, to, groupBy })).find(({ dimensions }) => dimensions['team'] === 'team_old')
        ?.costNanoUsd;
    expect(await ofTeam(['team', 'day'])).toBe(77n);
    expect(await ofTeam(['team', 'hour'])).toBe(77n);
    expect(await ofTeam(['team', 'metadata.app'])).toBeUndefined();
    const exported = [];
    for await (const group of queries.stream({ from, to, groupBy: ['team', 'day'] })) exported.push(group);
    expect(exported).toEqual(await queries.report({ from, to, groupBy: ['team', 'day'] }));
  });

  it('stay when rows are dropped with their months, and so does the balance of the ledger', async () => {
    const url = await createTestDatabase();
    const old = await connect(url);
    await old.runMigrations();
    const month = (await old.query<{ at: Date }[]>("select date_trunc('month', now(), 'UTC') as at"))[0]!.at;
    const ago = (months: number): number => new Date(month).setUTCMonth(month.getUTCMonth() - months);
    for (const months of [3, 2]) {
      for (const table of ['usage_requests', 'usage_attempts', 'usage_hours']) {
        const start = new Date(ago(months)).toISOString();
        const name = `${table}_${start.slice(0, 7).replace('-', '_')}`;
        await old.query(
          `create table ${name} partition of ${table} for values from ('${start}') to ('${new Date(ago(months - 1)).toISOString()}')`,
        );
      }
    }
    const writer = new PostgresUsageStore(old);
    await old.query(
      `insert into budgets (id, name, source, scope, limit_nano_usd, period, timezone, hard, alerts)
       values ('bud_soft', 'soft', 'api', 'organization', 1, 'month', 'UTC', false, '{}')`,
    );
    const times = [ago(40) + 1, ago(3), ago(3) + DAY_MS, ago(2) - 1, ago(2), ago(1) + DAY_MS, month.getTime() + 1];
    for (const [index, startedAtMs] of times.entries()) {
      const charges = [{ budget: 'bud_soft', lease: null }];
      await writer.write(usageRows({ cost: BigInt(10 ** index), startedAtMs, charges }));
    }
    const config = new UsageConfig();
    Object.assign(config.retention, { rows_months: 2, hours_months: 3, ledger_months: 1 });
    const retention = new UsageRetention(old, {
      version: 'c1',
      section: () => config as never,
      onReload: () => () => undefined,
    });
    await retention.run();
    await retention.run();
    const left = async (sql: string): Promise<unknown[]> =>
      (await old.query<{ value: string }[]>(sql)).map(({ value }) => value);
    expect(await left('select cost_nano_usd as value from usage_requests order by started_at')).toEqual([
      '10000',
      '100000',
      '1000000',
    ]);
    expect(await left('select count(*) as value from usage_attempts')).toEqual(['3']);
    expect(await left('select cost_nano_usd as value from usage_hours order by starts_at')).toHaveLength(6);
    expect(await left('select sum(cost_nano_usd) as value from usage_days')).toEqual(['1111111']);
    expect((await verifyLedger(old)).filter(({ differences: found }) => found.length > 0)).toEqual([]);
    // For ever means for ever.
    Object.assign(config.retention, { rows_months: 0, hours_months: 0, ledger_months: 0 });
    await retention.run();
    expect(await left('select count(*) as value from usage_requests')).toEqual(['3']);
    await old.destroy();
  }, 60_000);

  it('carry closed books over as the balance of each account', async () => {
    const url = await createTestDatabase();
    const old = await connect(url);
    await old.runMigrations();
    await new PostgresUsageStore(old).write(usageRows({ cost: 5n, startedAtMs: 0 }));
    // The same posting as if it had been made long ago.
    await old.query('alter table ledger_postings disable trigger all');
    await old.query("update ledger_postings set at = '2025-03-04T05:06:07Z'");
    await old.query('create table ledger_postings_2025_03 (like ledger_postings including constraints)');
    await old.query(
      'with moved as (delete from ledger_postings_default returning *) insert into ledger_postings_2025_03 select * from moved',
    );
    await old.query(
      "alter table ledger_postings attach partition ledger_postings_2025_03 for values from ('2025-03-01Z') to ('2025-04-01Z')",
    );
    await old.query('alter table ledger_postings enable trigger all');
    const balances = `select account, subject, sum(amount_nano_usd) as amount from ledger_postings group by 1, 2 order by 1, 2`;
    const before = await old.query<object[]>(balances);
    expect(before).toHaveLength(2);
    expect(await old.query<object[]>("select ledger_close_books('infinity') as closed")).toEqual([{ closed: 1 }]);
    expect(await old.query<object[]>(balances)).toEqual(before);
    expect(await old.query<object[]>('select distinct kind from ledger_postings')).toEqual([{ kind: 'carried' }]);
    expect((await verifyLedger(old)).filter(({ differences: found }) => found.length > 0)).toEqual([]);
    await old.destroy();
  });
});
