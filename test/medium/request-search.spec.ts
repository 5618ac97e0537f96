import type { DataSource } from 'typeorm';
import { firstRequestIdAt, timeOfRequestId } from '../../src/billing/id-time';
import { RequestQueries, type RequestFilter } from '../../src/billing/request-queries';
import { RequestSearch } from '../../src/billing/request-search';
import { newId } from '../../src/core/ids';
import { SystemClock } from '../../src/platform/clock';
import { createTestDatabase } from '../support/test-database';
import { connect } from './billing.support';

const HOUR_MS = 3_600_000;
const REQUESTS = 600;

/** Never tries the whole at once. */
class SlicingSearch extends RequestSearch {
  protected override readonly firstTryMs = 0;
}

describe('searching requests slice by slice', () => {
  const nowMs = Date.now();
  let database: DataSource;
  let queries: RequestQueries;

  beforeAll(async () => {
    database = await connect(await createTestDatabase());
    await database.runMigrations();
    queries = new RequestQueries(database);
    const rows = Array.from({ length: REQUESTS }, (_, index) => {
      // Dense in the last hours, sparse before: slices of every length have something.
      const atMs = Math.floor(nowMs - HOUR_MS * (index / 40) ** 2);
      return {
        id: newId('req', atMs),
        at: new Date(atMs),
        status: index % 97 === 5 ? 500 : 200,
        model: `m${index % 3}`,
      };
    });
    await database.query(
      `insert into usage_requests (id, started_at, key_id, key_name, team_id, department_id, endpoint, dialect, model, stream,
         status, cache_status, attempts, fallback, cost_nano_usd, saved_nano_usd, config_version)
       select id, at, 'key_1', 'key', 'team_1', 'dep_1', '/v1/chat/completions', 'openai', model, false, status, 'miss', 1, false, 1, 0, 'c'
       from unnest($1::text[], $2::timestamptz[], $3::int[], $4::text[]) r (id, at, status, model)`,
      [
        rows.map(({ id }) => id),
        rows.map(({ at }) => at),
        rows.map(({ status }) => status),
        rows.map(({ model }) => model),
      ],
    );
  });
  afterAll(() => database?.destroy());

  async function allPages(filter: RequestFilter, limit: number, search: RequestSearch): Promise<string[]> {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await search.search(filter, { limit, cursor });
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
    const whole = (await queries.list(filter, { limit: 1_000, cursor: null })).items.map(({ id }) => id);
    for (const limit of [7, 50, 1_000]) {
      expect(await allPages(filter, limit, new SlicingSearch(database, new SystemClock()))).toEqual(whole);
      expect(await allPages(filter, limit, new RequestSearch(database, new SystemClock()))).toEqual(whole);
    }
  });

  it('streams every row once', async () => {
    const ids: string[] = [];
    for await (const { id } of queries.stream({})) ids.push(id);
    expect(new Set(ids).size).toBe(REQUESTS);
    expect(ids.length).toBe(REQUESTS);
  });

  it('has an id for the beginning of any moment', () => {
    const id = firstRequestIdAt(nowMs);
    expect(timeOfRequestId(id)).toBe(nowMs);
    expect(id <= newId('req', nowMs)).toBe(true);
    expect(id > newId('req', nowMs - 1)).toBe(true);
  });
});
