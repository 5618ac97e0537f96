import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { toRequestCsv } from '../../src/admin/dtos/request-csv';
import { toUsageCsv } from '../../src/admin/dtos/usage.dto';
import { RequestSearch } from '../../src/billing/request-search';
import { UsageQueries } from '../../src/billing/usage-queries';
import { newId } from '../../src/core/ids';
import { SystemClock } from '../../src/platform/clock';
import { createTestDatabase } from '../support/test-database';
import { connect } from './billing.support';

const ROWS = 30_000;
/** A row that is kept weighs more than a kilobyte: 30,000 of them would be many times this. */
const MOST_GROWTH = 16 * 1024 * 1024;

/** Ids carry the time of the row, as those of requests do. */
const FILL = `
  insert into usage_requests (id, started_at, key_id, key_name, team_id, department_id, endpoint, dialect, stream, status, provider,
    model, cache_status, attempts, fallback, cost_nano_usd, saved_nano_usd, config_version, metadata)
  select ($1::text[])[n], to_timestamp($2::float8 + n / 1000.0), 'key_1', 'a key', 'team_1', 'dep_1', '/v1/chat/completions', 'openai',
    false, 200, 'openai', 'gpt-4o', 'miss', 1, false, n, 0, 'c1', jsonb_build_object('call', ($1::text[])[n])
  from generate_series(1, cardinality($1::text[])) n`;

describe('exports', () => {
  let database: DataSource;
  const from = new Date('2026-11-01T00:00:00Z');
  const to = new Date('2026-11-02T00:00:00Z');

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await connect(await createTestDatabase());
    await database.runMigrations();
    const startMs = from.getTime();
    for (let first = 0; first < ROWS; first += 10_000) {
      const ids = Array.from({ length: 10_000 }, (_, index) => newId('req', startMs + first + index + 1));
      await database.query(FILL, [ids, (startMs + first) / 1000]);
    }
  });

  afterAll(async () => {
    await database.destroy();
    Logger.overrideLogger(['log', 'warn', 'error']);
  });

  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };

  it.each([
    {
      name: 'requests',
      lines: () => toRequestCsv(new RequestSearch(database, new SystemClock()).stream({ from, to })),
    },
    {
      name: 'usage',
      lines: () => {
        const groupBy = ['metadata.call'];
        return toUsageCsv(new UsageQueries(database, new SystemClock()).stream({ from, to, groupBy }), groupBy);
      },
    },
  ])('of $name need no more memory at their end than at their beginning', async ({ lines }) => {
    let count = -1;
    let early = 0;
    let late = 0;
    for await (const chunk of Readable.from(lines())) {
      const text = String(chunk);
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
      if (early === 0 && count > ROWS / 10) early = heap();
      if (late === 0 && count > (ROWS * 9) / 10) late = heap();
    }
    expect(count).toBe(ROWS);
    expect(early).toBeGreaterThan(0);
    expect(late - early).toBeLessThan(MOST_GROWTH);
  });
});
