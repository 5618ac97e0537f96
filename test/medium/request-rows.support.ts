import type { DataSource } from 'typeorm';
import { newId } from '../../src/core/ids';
import { createTestDatabase } from '../support/test-database';
import { connect } from './billing.support';

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

/** A new database with these requests, all with the same labels. */
export async function databaseOf(rows: readonly Row[], metadata: object = {}): Promise<DataSource> {
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
