import type { DataSource } from 'typeorm';
import { queryWithin } from '../../src/billing/bounded-query';
import { newestFirst } from '../../src/billing/request-filter';
import { RequestSearch } from '../../src/billing/request-search';
import { UsageQueries } from '../../src/billing/usage-queries';
import { SystemClock } from '../../src/platform/clock';
import { databaseOf } from './request-rows.support';

const DAY_MS = 24 * 3_600_000;
const MANY = 20_000;
const RARE = 5;
/** Longer than anything here takes. */
const PATIENT_MS = 60_000;
/** No index knows them, and they take time to read. */
const LABELS = { app: 'search', text: 'words and more words '.repeat(400) };

/** What a statement may take: a third of what the whole takes here, so that the whole, asked at once, comes to nothing (null). */
async function tooLittleFor(whole: (boundMs: number) => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const startMs = performance.now();
    expect(await whole(PATIENT_MS)).not.toBeNull();
    took.push(performance.now() - startMs);
  }
  const boundMs = Math.max(1, Math.floor(Math.min(...took) / 3));
  expect(await whole(boundMs)).toBeNull();
  return boundMs;
}

describe('an export from many requests over half a year', () => {
  const toMs = Date.now() + 1;
  const fromMs = toMs - 150 * DAY_MS;
  let database: DataSource;

  beforeAll(async () => {
    const stepMs = Math.floor((toMs - fromMs) / MANY);
    database = await databaseOf(
      Array.from({ length: MANY }, (_, index) => ({
        atMs: toMs - 1 - index * stepMs,
        status: index % (MANY / RARE) === 1 ? 502 : 200,
        model: `m${index % 3}`,
      })),
      LABELS,
    );
  });
  afterAll(() => database?.destroy());

  it('finds what is rare, though no statement has the time to look through all', async () => {
    const search = new RequestSearch(database, new SystemClock());
    const inVain = { text: 'not there' };
    const statementMs = await tooLittleFor((boundMs) =>
      queryWithin(database, boundMs, (manager) =>
        newestFirst(manager, { metadata: inVain }, { count: 1, cursor: null }),
      ),
    );
    const idsOf = async (labels: Record<string, string>, min: number): Promise<string[]> => {
      const ids: string[] = [];
      for await (const { id } of search.stream({ metadata: labels, status: { min } }, statementMs)) ids.push(id);
      return ids;
    };
    expect(await idsOf(inVain, 200)).toEqual([]);
    expect(new Set(await idsOf(LABELS, 500)).size).toBe(RARE);
  });

  it('sums by what no roll-up knows, though no statement has the time to read all', async () => {
    const query = { from: new Date(fromMs), to: new Date(toMs), groupBy: ['metadata.app', 'model'] };
    const usage = new UsageQueries(database, new SystemClock());
    const statementMs = await tooLittleFor((boundMs) =>
      queryWithin(database, boundMs, (manager) =>
        manager.query("select metadata ->> 'app', sum(cost_nano_usd) from usage_requests group by 1"),
      ),
    );
    const groups = [];
    for await (const group of usage.stream(query, statementMs)) groups.push(group);
    expect(groups).toEqual(await usage.report(query));
    expect(groups.reduce((sum, { requests }) => sum + requests, 0)).toBe(MANY);
  });
});
