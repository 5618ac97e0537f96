import { ThrottlerModule } from '@nestjs/throttler';
import fs from 'node:fs';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Logger, type INestApplication } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import { Test } from '@nestjs/testing';
import type { DataSource } from 'typeorm';
import { ContentReading } from '../../src/admin/management/content-reading';
import { ManagementGuard } from '../../src/admin/management.guard';
import { RequestsController } from '../../src/admin/requests.controller';
import { UsageController } from '../../src/admin/usage.controller';
import { RequestQueries } from '../../src/billing/request-queries';
import { RequestSearch } from '../../src/billing/request-search';
import { UsageQueries } from '../../src/billing/usage-queries';
import { boundedQuery } from '../../src/billing/bounded-query';
import { chatRequest, contextOf, IDENTITY, outcome, usageOf } from '../../src/billing/testing/usage-fixtures';
import { InvalidRequestError } from '../../src/core/errors';
import { formatUsd } from '../../src/core/money';
import { newId } from '../../src/core/ids';
import { Clock, SystemClock } from '../../src/platform/clock';
import { AS_ADMIN } from '../support/as-admin';
import { createTestDatabase } from '../support/test-database';
import { connect, startBilling } from './billing.support';

/** What the test itself knows of a request. */
interface Truth {
  readonly id: string;
  readonly team: string;
  readonly model: string;
  readonly provider: string | null;
  readonly app: string;
  readonly status: number;
  readonly cost: bigint;
  readonly saved: bigint;
  readonly input: number;
  readonly output: number;
  readonly attempts: number;
}

const TEAMS = ['team_01kb3v0000abcdefghjkmnpqr1', 'team_01kb3v0000abcdefghjkmnpqr2', 'team_01kb3v0000abcdefghjkmnpqr3'];
const CALLER = {
  ...IDENTITY,
  keyId: 'key_01kb3v0000abcdefghjkmnpqrs',
  userId: 'user_01kb3v0000abcdefghjkmnpqrs',
  departmentId: 'dep_01kb3v0000abcdefghjkmnpqrs',
};
const TARGETS = [
  { provider: 'openai', model: 'gpt-4o' },
  { provider: 'openai', model: 'gpt-4o-mini' },
  { provider: 'anthropic', model: 'claude-sonnet-4-20250514' },
];
const DAY_MS = 24 * 60 * 60_000;
const REQUESTS = 300;

const pick = <T>(items: readonly T[]): T => {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
};

/** Begins requests at any time. */
class SetClock extends SystemClock {
  nowMs = 0;
  override now(): number {
    return this.nowMs;
  }
}

interface RequestJson {
  readonly id: string;
  readonly started_at: string;
}

/** What any route answers. */
interface Answer {
  readonly data: (RequestJson & Record<string, string>)[];
  readonly next_cursor: string | null;
  readonly error: { readonly message: string };
  readonly attempts: { readonly prices_usd_per_million: Record<string, string> }[];
}

describe('usage queries', () => {
  let database: DataSource;
  let app: INestApplication;
  let base: string;
  const truths: Truth[] = [];
  const to = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS;
  const from = to - 5 * DAY_MS;
  const period = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    const url = await createTestDatabase();
    database = await connect(url);
    await database.runMigrations();
    await fillWithRequests(url);
    const moduleRef = await Test.createTestingModule({
      imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit: 100_000 }])],
      controllers: [RequestsController, UsageController],
      providers: [
        { provide: ContentReading, useValue: { has: () => Promise.resolve(false) } },
        RequestQueries,
        RequestSearch,
        UsageQueries,
        { provide: Clock, useClass: SystemClock },
        { provide: getDataSourceToken(), useValue: database },
      ],
    })
      .overrideGuard(ManagementGuard)
      .useValue(AS_ADMIN)
      .compile();
    app = moduleRef.createNestApplication({ forceCloseConnections: true, logger: false });
    await app.listen(0, '127.0.0.1');
    base = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/api/v1`;
  });

  afterAll(async () => {
    await app.close();
    if (database.isInitialized) await database.destroy();
    Logger.overrideLogger(['log', 'warn', 'error']);
  });

  /** Random calls with failures, fallbacks and cache hits; what is on record must agree with what happened. */
  async function fillWithRequests(url: string): Promise<void> {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'billing-'));
    const clock = new SetClock();
    const { billing, stop } = await startBilling(url, root, {}, clock);
    for (let index = 0; index < REQUESTS; index += 1) {
      const team = pick(TEAMS);
      const app = pick(['search', 'mail', '=cmd()']);
      clock.nowMs = from + Math.floor(Math.random() * 5 * DAY_MS);
      const context = contextOf(clock, { ...CALLER, teamId: team });
      billing.track(context);
      context.metadata = { app };
      context.request = chatRequest(pick(['gpt-4o', 'smart']));
      const kind = index % 10;
      const truth = { id: context.requestId, team, app, cost: 0n, saved: 0n, input: 0, output: 0, attempts: 0 };
      if (kind === 0) {
        context.outcome = { status: 429, errorCode: 'rate_limit_exceeded' };
        truths.push({ ...truth, provider: null, model: '', status: 429 });
      } else if (kind === 1) {
        context.cacheStatus = 'hit';
        context.savedNanoUsd = 1_234n;
        context.served = { ...TARGETS[0]!, attempts: 0, fallback: false };
        context.outcome = { status: 200, errorCode: null };
        truths.push({ ...truth, ...TARGETS[0]!, saved: 1_234n, status: 200 });
      } else {
        const ledger = billing.openLedger(context);
        context.attempts = ledger;
        const failures = kind === 2 ? 1 : 0;
        for (let failed = 1; failed <= failures; failed += 1) {
          const attempt = await ledger.open({ index: failed, ...pick(TARGETS), request: context.request });
          attempt.settle(
            outcome({ status: 'failed', httpStatus: 500, error: 'http_500', servedModel: null, billable: false }),
          );
        }
        const target = pick(TARGETS);
        const [input, output] = [Math.floor(Math.random() * 5_000), Math.floor(Math.random() * 500)];
        const attempt = await ledger.open({ index: failures + 1, ...target, request: context.request });
        attempt.settle(outcome({ usage: usageOf(input, output), servedModel: target.model }));
        context.served = { ...target, attempts: failures + 1, fallback: failures > 0 };
        context.outcome = { status: 200, errorCode: null };
        context.decide('route', 'chosen', { index });
        truths.push({ ...truth, ...target, input, output, cost: ledger.cost(), attempts: failures + 1, status: 200 });
      }
      context.close();
    }
    await stop();
    fs.rmSync(root, { recursive: true, force: true });
  }

  const get = async (route: string, headers: Record<string, string> = {}) => {
    const response = await fetch(base + route, { headers });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : {}) as Answer,
    };
  };

  const listAll = async (filter: string, limit = 37): Promise<RequestJson[]> => {
    const found: RequestJson[] = [];
    for (let cursor = ''; ;) {
      const { status, body } = await get(`/requests?limit=${limit}${filter}${cursor}`);
      expect(status).toBe(200);
      found.push(...body.data);
      if (body.next_cursor === null) return found;
      cursor = `&cursor=${body.next_cursor}`;
    }
  };

  const idsOf = (fits: (truth: Truth) => boolean): string[] =>
    truths
      .filter(fits)
      .map((truth) => truth.id)
      .sort();

  it('pages through every request once, newest first', async () => {
    const rows = await listAll('');
    expect(rows.map((row) => row.id).sort()).toEqual(idsOf(() => true));
    const times = rows.map((row) => row.started_at);
    expect(times).toEqual([...times].sort().reverse());
  });

  it.each<[string, (truth: Truth) => boolean]>([
    ['status=429', (truth) => truth.status === 429],
    ['status=4xx', (truth) => truth.status === 429],
    ['error_code=rate_limit_exceeded', (truth) => truth.status === 429],
    ['provider=anthropic', (truth) => truth.provider === 'anthropic'],
    ['model=gpt-4o-mini', (truth) => truth.model === 'gpt-4o-mini'],
    ['cache=hit', (truth) => truth.saved > 0n],
    ['cache_status=hit', (truth) => truth.saved > 0n],
    ['attempt_count=2', (truth) => truth.attempts === 2],
    ['max_reasoning_tokens=0&attempts=2', (truth) => truth.attempts === 2],
    ['min_saved_usd=0.000001234', (truth) => truth.saved > 0n],
    ['min_cost_usd=0.005', (truth) => truth.cost >= 5_000_000n],
    ['max_cost_usd=0.001', (truth) => truth.cost <= 1_000_000n],
    ['min_input_tokens=2500&max_output_tokens=250', (truth) => truth.input >= 2_500 && truth.output <= 250],
    ['fallback=true', (truth) => truth.attempts === 2],
    ['attempts=2', (truth) => truth.attempts === 2],
    ['stream=false', () => false],
    ['metadata=app:mail', (truth) => truth.app === 'mail'],
    ['metadata=app:', () => false],
    ['model=gpt-4o&status=200&metadata=app:search', (truth) => truth.model === 'gpt-4o' && truth.app === 'search'],
  ])('filters by %s', async (filter, fits) => {
    const rows = await listAll(`&${filter}`, 200);
    expect(rows.map((row) => row.id).sort()).toEqual(idsOf(fits));
  });

  it('filters by every field of an answer, under its own name', async () => {
    const rows = await listAll('', 200);
    const values = new Map<string, unknown>();
    for (const row of rows)
      for (const [name, value] of Object.entries(row)) values.set(name, value ?? values.get(name));
    const others = ['id', 'started_at', 'metadata'];
    const filters = [...values].filter(([name, value]) => !others.includes(name) && value !== undefined);
    expect(filters.length).toBeGreaterThan(25);
    for (const [name, value] of filters) {
      const isRange = typeof value === 'number' ? !['status', 'attempt_count'].includes(name) : name.endsWith('_usd');
      const text = encodeURIComponent(String(value));
      const filter = isRange ? `min_${name}=${text}&max_${name}=${text}` : `${name}=${text}`;
      const fitting = rows.filter((row) => (row as unknown as Record<string, unknown>)[name] === value);
      const found = await listAll(`&${filter}`, 200);
      expect({ filter, ids: found.map(({ id }) => id) }).toEqual({ filter, ids: fitting.map(({ id }) => id) });
    }
  });

  it('filters by time, the end excluded', async () => {
    const [first] = await listAll('', 1);
    const at = first?.started_at ?? '';
    expect((await get(`/requests?from=${at}`)).body.data[0]?.id).toBe(first?.id);
    const before = await listAll(`&to=${at}`, 200);
    expect(before.some((row) => row.id === first?.id)).toBe(false);
    expect(before.length).toBeGreaterThan(REQUESTS / 2);
  });

  it('tells everything about one request', async () => {
    const truth = truths.find((one) => one.attempts === 2);
    if (!truth) throw new Error('no request fell back');
    const cost = formatUsd(truth.cost);
    const { status, body } = await get(`/requests/${truth.id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: truth.id,
      team_id: truth.team,
      provider: truth.provider,
      model: truth.model,
      cost_usd: cost,
      metadata: { app: truth.app },
      fallback: true,
      decisions: [
        { stage: 'budget', what: 'none_applies' },
        { stage: 'budget', what: 'none_applies' },
        { stage: 'route', what: 'chosen', facts: { index: expect.any(Number) } },
      ],
      attempts: [
        { index: 1, status: 'failed', http_status: 500, cost_usd: '0' },
        {
          index: 2,
          status: 'succeeded',
          cost_usd: cost,
          input_tokens: truth.input,
          usage_source: 'provider',
        },
      ],
    });
    const prices: Record<string, string> = { 'gpt-4o': '2.5', 'gpt-4o-mini': '0.15', 'claude-sonnet-4-20250514': '3' };
    expect(body.attempts[1]?.prices_usd_per_million['input']).toBe(prices[truth.model]);
    expect((await listAll('', 200))[0]).not.toHaveProperty('decisions');
  });

  it.each([
    ['/requests/req_0', 404, null],
    [`/requests/${newId('req', 0)}`, 404, null],
    ['/requests?colour=red', 400, 'colour'],
    ['/requests?limit=0', 400, 'limit'],
    ['/requests?limit=1000', 400, 'limit'],
    ['/requests?status=4x', 400, 'status'],
    ['/requests?min_cost_usd=1e3', 400, 'min_cost_usd'],
    ['/requests?key=x%27%20or%201=1', 400, 'key'],
    ['/requests?cursor=nonsense', 400, 'cursor'],
    ['/requests?from=yesterday', 400, 'from'],
    ['/requests?metadata=plain', 400, 'metadata'],
    ['/requests?model=a&model=b', 400, 'model'],
    ['/usage?group_by=colour', 400, 'group_by'],
    ['/usage?group_by=metadata.', 400, 'group_by'],
    ['/usage?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 400, 'from'],
    ['/usage?form=x', 400, 'form'],
  ])('answers %s with %i', async (route, status, param) => {
    const answer = await get(route);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ param });
  });

  const sumsOf = (fits: (truth: Truth) => boolean) => {
    const chosen = truths.filter(fits);
    const sum = (amounts: bigint[]): string => formatUsd(amounts.reduce((total, amount) => total + amount, 0n));
    const input = chosen.reduce((total, truth) => total + truth.input, 0);
    const output = chosen.reduce((total, truth) => total + truth.output, 0);
    return {
      requests: chosen.length,
      errors: chosen.filter((truth) => truth.status >= 400).length,
      input_tokens: input,
      output_tokens: output,
      total_tokens: input + output,
      cost_usd: sum(chosen.map((truth) => truth.cost)),
      saved_usd: sum(chosen.map((truth) => truth.saved)),
    };
  };

  it('adds up by team, provider and label, to the last nano-dollar', async () => {
    const all = await get(`/usage?${period}`);
    expect(all.body.data).toMatchObject([sumsOf(() => true)]);
    const { body } = await get(`/usage?${period}&group_by=team,provider,metadata.app`);
    expect(body.data.length).toBeGreaterThan(15);
    for (const group of body.data) {
      expect(group).toMatchObject(
        sumsOf(
          (truth) =>
            truth.team === group['team'] && truth.provider === group['provider'] && truth.app === group['metadata.app'],
        ),
      );
    }
    expect(body).toMatchObject({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  });

  it('adds up by day and hour in UTC', async () => {
    const days = (await get(`/usage?${period}&group_by=day`)).body.data as unknown as {
      day: string;
      requests: number;
    }[];
    const expected = new Map<string, number>();
    for (const row of await listAll('', 200)) {
      const day = `${row.started_at.slice(0, 10)}T00:00:00Z`;
      expected.set(day, (expected.get(day) ?? 0) + 1);
    }
    expect(days.map((group) => [group.day, group.requests])).toEqual(
      [...expected].sort(([a], [b]) => a.localeCompare(b)),
    );
    const hours = (await get(`/usage?${period}&group_by=hour`)).body.data as unknown as { requests: number }[];
    expect(hours.reduce((sum, group) => sum + group.requests, 0)).toBe(REQUESTS);
  });

  it('streams CSV that a spreadsheet cannot be tricked with', async () => {
    const { status, headers, text } = await get(`/usage?${period}&group_by=metadata.app,team`, { accept: 'text/csv' });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const lines = text.trimEnd().split('\r\n');
    expect(lines[0]).toBe(
      'metadata.app,team,requests,errors,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,total_tokens,cost_usd,saved_usd',
    );
    expect(lines.length).toBe(10);
    expect(lines.filter((line) => line.startsWith("'=cmd(),")).length).toBe(3);
    expect(text).not.toMatch(/^=/m);
    const requests = lines.slice(1).map((line) => Number(line.split(',')[2]));
    expect(requests.reduce((sum, count) => sum + count, 0)).toBe(REQUESTS);
  });

  it('says what is wrong with a CSV report before it begins', async () => {
    const { status, body } = await get('/usage?group_by=colour', { accept: 'text/csv' });
    expect(status).toBe(400);
    expect(body.error.message).toContain('"colour" is nothing to group by');
  });

  it('streams a report longer than one fetch', async () => {
    await database.query(`insert into usage_requests (id, started_at, key_id, key_name, team_id, department_id, endpoint, dialect, stream, status,
      cache_status, attempts, fallback, cost_nano_usd, saved_nano_usd, config_version)
      select 'req_many_' || n, '2020-01-01'::timestamptz, 'key_' || n, 'k', 't', 'd', '/', 'openai', false, 200, 'miss', 0, false, 1, 0, 'c'
      from generate_series(1, 12345) n`);
    const range = 'from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z&group_by=key';
    const csv = await get(`/usage?${range}`, { accept: 'text/csv' });
    expect(new Set(csv.text.trimEnd().split('\r\n')).size).toBe(12_346);
    const json = await get(`/usage?${range}`);
    expect(json.status).toBe(400);
    expect(json.body.error.message).toContain('text/csv');
    await database.query("delete from usage_requests where started_at < '2020-01-03'");
  });

  it('gives up on a query that takes too long and says what to do', async () => {
    const slow = boundedQuery(database, (manager) => manager.query('select pg_sleep(20)'));
    await expect(slow).rejects.toBeInstanceOf(InvalidRequestError);
  });
});
