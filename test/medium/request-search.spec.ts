import type { DataSource } from 'typeorm';
import { firstRequestIdAt, timeOfRequestId } from '../../src/billing/id-time';
import { newestFirst, type RequestFilter } from '../../src/billing/request-filter';
import { RequestSearch, type Patience } from '../../src/billing/request-search';
import { newId } from '../../src/core/ids';
import { SystemClock } from '../../src/platform/clock';
import { databaseOf } from './request-rows.support';

const HOUR_MS = 3_600_000;
const REQUESTS = 600;

/** Never tries the whole at once. */
const IN_SLICES: Patience = { firstTryMs: 0, budgetMs: 350 };
const PATIENCE: readonly (Patience | undefined)[] = [IN_SLICES, undefined];

const wholeOf = (database: DataSource, filter: RequestFilter): Promise<string[]> =>
  newestFirst(database.manager, filter, { count: 1_000, cursor: null }).then((rows) => rows.map(({ id }) => id));

async function streamed(search: RequestSearch, filter: RequestFilter): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of search.stream(filter)) ids.push(id);
  return ids;
}

describe('searching requests slice by slice', () => {
  const nowMs = Date.now();
  let database: DataSource;
  let search: RequestSearch;

  beforeAll(async () => {
    database = await databaseOf(
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
