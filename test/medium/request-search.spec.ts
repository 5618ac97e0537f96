import type { DataSource } from 'typeorm';
import { queryWithin } from '../../src/billing/bounded-query';
import { firstRequestIdAt, timeOfRequestId } from '../../src/billing/id-time';
import { newestFirst, type RequestFilter } from '../../src/billing/request-filter';
import { RequestSearch, type Patience } from '../../src/billing/request-search';
import { newId } from '../../src/core/ids';
import { SystemClock } from '../../src/platform/clock';
import { createTestDatabase } from '../support/test-database';
import { connect } from './billing.support';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const REQUESTS = 600;

/** Never tries the whole at once. */
const IN_SLICES: Patience = { firstTryMs: 0, budgetMs: 350 };
const PATIENCE: readonly (Patience | undefined)[] = [IN_SLICES, undefined];

const FILL = `
  insert into usage_requests (id, started_at, key_id, key_name, team_id, department_id, endpoint, dialect, model, stream,
    status, cache_status, attempts, fallback, cost_nano_usd, saved_nano_usd, config_version, metadata)
  select id, at, 'key_1', 'key', 'team_1', 'dep_1', '/v1/chat/completions', 'openai', model, false, status, 'miss', 1, false, 1, 0, 'c',
    $5::jsonb
  from unnest($1::text[], $2::timestamptz[], $3::int[], $4::text[]) r (id, at, status, model)`;

interface Row {
  readonly atMs: number;
  readonly status: number;
  readonly model: string;
}

async function filled(rows: readonly Row[], metadata: object = {}): Promise<DataSource> {
  const database = await connect(await createTestDatabase());
  await database.runMigrations();
  await database.query(MONTHS);
  for (let first = 0; first < rows.length; first += 10_000) {
    const batch = rows.slice(first, first + 10_000);
    await database.query(FILL, [
      batch.map(({ atMs }) => newId('req', atMs)),
      batch.map(({ atMs }) => new Date(atMs)),
      batch.map(({ status }) => status),
      batch.map(({ model }) => model),
      JSON.stringify(metadata),
    ]);
  }
  return database;
}

/** Partitions of the half year before, as a gateway that ran so long has them. */
const MONTHS = `
  do $$ declare m timestamp; begin
    for m in select date_trunc('month', now() at time zone 'utc') - n * interval '1 month' from generate_series(1, 6) n loop
      execute format('create table if not exists %I partition of usage_requests for values from (%L) to (%L)',
        to_char(m, '"usage_requests_"YYYY_MM'), m at time zone 'utc', (m + interval '1 month') at time zone 'utc');
    end loop;
  end $$`;

const wholeOf = (database: DataSource, filter: RequestFilter): Promise<string[]> =>
  newestFirst(database.manager, filter, { count: 1_000, cursor: null }).then((rows) => rows.map(({ id }) => id));

async function streamed(search: RequestSearch, filter: RequestFilter, statementMs?: number): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of search.stream(filter, statementMs)) ids.push(id);
  return ids;
}

describe('searching requests slice by slice', () => {
  const nowMs = Date.now();
  let database: DataSource;
  let search: RequestSearch;

  beforeAll(async () => {
    database = await filled(
      Array.from({ length: REQUESTS }, (_, index) => ({
        // Dense in the last hours, sparse before: slices of every length have something.
        atMs: Math.floor(nowMs - HOUR_MS * (index / 40) ** 2),
        status: index % 97 === 5 ? 500 : 200,
        model: `m${index % 3}`,
      })),
    );
    search = new RequestSearch(database, new SystemClock());
  });
  afterAll(() => database?.destroy());

  async function allPages(filter: RequestFilter, limit: number, patience?: Patience): Promise<string[]> {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await search.search(filter, { limit, cursor }, patience);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    return ids;
  }

  const filters: [string, RequestFilter][] = [
    ['nothing', {}],
    ['what is rare', { status: { min: 500 } }],
    ['what is not there', { errorCode: 'never' }],
    ['a time', { from: new Date(nowMs - 60 * HOUR_MS), to: new Date(nowMs - 2 * HOUR_MS), model: 'm1' }],
  ];

  it.each(filters)('finds the same as one query does, filtering by %s', async (_, filter) => {
    const whole = await wholeOf(database, filter);
    expect(await streamed(search, filter)).toEqual(whole);
    for (const limit of [7, 50, 1_000]) {
      for (const patience of PATIENCE) expect(await allPages(filter, limit, patience)).toEqual(whole);
    }
  });

  it('has an id for the beginning of any moment', () => {
    const id = firstRequestIdAt(nowMs);
    expect(timeOfRequestId(id)).toBe(nowMs);
    expect(id <= newId('req', nowMs)).toBe(true);
    expect(id > newId('req', nowMs - 1)).toBe(true);
  });
});

describe('a stream of what is rare among many', () => {
  const MANY = 20_000;
  const RARE = 5;
  /** What a statement may take; the whole takes several times as long. */
  const STATEMENT_MS = 40;
  /** Labels that no index knows, and that take time to read. */
  const LABELS = { text: 'words and more words '.repeat(400) };
  let database: DataSource;

  beforeAll(async () => {
    const stepMs = Math.floor((150 * DAY_MS) / MANY);
    const nowMs = Date.now();
    database = await filled(
      Array.from({ length: MANY }, (_, index) => ({
        atMs: nowMs - index * stepMs,
        status: index % (MANY / RARE) === 1 ? 502 : 200,
        model: 'm',
      })),
      LABELS,
    );
  });
  afterAll(() => database?.destroy());

  it('finds all of it over all partitions, though no statement has the time for the whole', async () => {
    const search = new RequestSearch(database, new SystemClock());
    const inVain = { metadata: { text: 'not there' } };
    const whole = await queryWithin(database, STATEMENT_MS, (manager) =>
      newestFirst(manager, inVain, { count: 1, cursor: null }),
    );
    expect(whole).toBeNull();
    expect(await streamed(search, inVain, STATEMENT_MS)).toEqual([]);
    expect(await streamed(search, { status: { min: 500 }, metadata: LABELS }, STATEMENT_MS)).toHaveLength(RARE);
  });
});
