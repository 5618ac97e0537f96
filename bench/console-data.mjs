// Ninety days of requests of a company with 12 teams, 240 people and 300 keys, made by PostgreSQL itself.
import { createRequire } from 'node:module';

const { Client } = createRequire(import.meta.url)('pg');
const DAYS = 90;
const BATCH = 250_000;
const [DEPARTMENTS, TEAMS, USERS, KEYS] = [4, 12, 240, 300];
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

const idOf = (prefix, number) => `${prefix}_${'0'.repeat(10)}${String(number).padStart(16, '0')}`;
/** The first ten digits of an id tell the milliseconds. */
const DIGITS = Array.from(
  { length: 10 },
  (_, at) => `substr('${ALPHABET}', ((ms >> ${45 - at * 5}) & 31)::int + 1, 1)`,
).join(' || ');
const numbered = (prefix, expression) => `'${prefix}_0000000000' || lpad((${expression})::text, 16, '0')`;

/** As a gateway that ran for months has them. */
const PARTITIONS = `
  do $$ declare m timestamp; parent text; begin
    for m in select generate_series(date_trunc('month', now() at time zone 'utc') - interval '4 months', date_trunc('month', now() at time zone 'utc'), '1 month') loop
      foreach parent in array array['usage_requests', 'usage_attempts'] loop
        execute format('create table if not exists %I partition of %I for values from (%L) to (%L)', parent || to_char(m, '_YYYY_MM'), parent,
          m at time zone 'utc', (m + interval '1 month') at time zone 'utc');
      end loop;
    end loop;
  end $$`;

const COMPANY = [
  PARTITIONS,
  `insert into departments (id, name) select ${numbered('dep', 'n')}, 'Department ' || n from generate_series(1, ${DEPARTMENTS}) n on conflict do nothing`,
  `insert into teams (id, name, department_id) select ${numbered('team', 'n')}, 'Team ' || n, ${numbered('dep', `1 + n % ${DEPARTMENTS}`)} from generate_series(1, ${TEAMS}) n on conflict do nothing`,
  `insert into users (id, email, name, role) select ${numbered('user', 'n')}, 'user' || n || '@example.com', 'User ' || n, 'member' from generate_series(1, ${USERS}) n on conflict do nothing`,
];

/** One row of each number: who, which model, and how it went, by arithmetic that spreads them. */
const NUMBERS = `
  select n, ms, to_timestamp(ms / 1000.0) as at, 'req_' || ${DIGITS} || lpad(to_hex(n), 16, '0') as id, 1 + n * 7 % ${KEYS} as key,
    1 + n * 7 % ${KEYS} % ${USERS} as person, 1 + n * 7 % ${KEYS} % ${TEAMS} as team, n % 50 = 0 as failed, n % 33 = 0 as fell_back,
    n % 9 = 0 as hit, (array['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-20250514', 'claude-3-5-haiku-20241022'])[1 + n % 4] as model,
    (array['openai', 'openai', 'anthropic', 'anthropic'])[1 + n % 4] as provider, 200 + n * 37 % 1800 as input, 20 + n * 53 % 700 as output,
    (300 + 4000 * power((n * 31 % 1000) / 1000.0, 3))::int as latency
  from (select n, $2::bigint - (n * $3::double precision)::bigint as ms from generate_series($1::bigint, $1::bigint + ${BATCH} - 1) n where n < $4::bigint) numbers`;

const REQUESTS = `
  insert into usage_requests (id, started_at, key_id, key_name, user_id, team_id, department_id, endpoint, dialect, requested_model,
    provider, model, served_model, stream, status, error_code, cache_status, attempts, fallback, input_tokens, output_tokens,
    cost_nano_usd, saved_nano_usd, usage_source, price_version, config_version, latency_ms, ttfb_ms, overhead_ms, metadata, decisions)
  select id, at, ${numbered('key', 'key')}, 'key ' || key, ${numbered('user', 'person')}, ${numbered('team', 'team')},
    ${numbered('dep', `1 + team % ${DEPARTMENTS}`)}, '/v1/chat/completions', 'openai', model, provider, model, model, n % 2 = 0,
    case when failed then (array[429, 500, 502, 400])[1 + n / 50 % 4] else 200 end,
    case when n % 1000000 = 999999 then 'rare' when failed then 'provider_error' end, case when hit then 'hit' else 'miss' end,
    case when fell_back then 2 else 1 end, fell_back, input, output, case when hit then 0 else input * 2500 + output * 10000 end,
    case when hit then input * 2500 + output * 10000 else 0 end, 'provider', 'p', 'c', latency, latency / 3, 1.5, '{"app": "bench"}',
    '[{"atMs":0.3,"stage":"access","what":"authenticated","facts":{"team":"team"}},{"atMs":1.2,"stage":"route","what":"candidates","facts":{}}]'
  from (${NUMBERS}) r`;

const PRICES = [
  'input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'output',
  'reasoning',
  'output_audio',
  'web_search',
  'request',
];
const ATTEMPTS = `
  insert into usage_attempts (id, request_id, index, provider, model, served_model, started_at, status, http_status, input_tokens, output_tokens,
    usage_source, price_id, price_source, price_version, ${PRICES.map((name) => `${name}_price_pico`).join(', ')}, cost_nano_usd,
    latency_ms, ttfb_ms, key_id, key_name, user_id, team_id, department_id)
  select 'att' || substr(id, 4), id, 1, provider, model, model, at, case when failed then 'failed' else 'succeeded' end,
    case when failed then 500 else 200 end, input, output, 'provider', model, 'catalogue', 'p', ${PRICES.map(() => '2500').join(', ')},
    input * 2500 + output * 10000, latency, latency / 3, ${numbered('key', 'key')}, 'key ' || key, ${numbered('user', 'person')},
    ${numbered('team', 'team')}, ${numbered('dep', `1 + team % ${DEPARTMENTS}`)}
  from (${NUMBERS}) r where not hit`;

/** Takes the indexes away, which makes the filling many times faster; returns how to make them again. */
async function withoutIndexes(client) {
  const tables = `('usage_requests', 'usage_attempts')`;
  const { rows: keys } = await client.query(
    `select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
     where contype = 'p' and conrelid::regclass::text in ${tables}`,
  );
  const { rows: indexes } = await client.query(
    `select indexname as name, indexdef as definition from pg_indexes where tablename in ${tables} and indexname not like 'pk_%'`,
  );
  for (const { table, name } of keys) await client.query(`alter table ${table} drop constraint ${name}`);
  for (const { name } of indexes) await client.query(`drop index ${name}`);
  return async () => {
    await client.query(`set maintenance_work_mem = '1GB'`);
    for (const { table, name, definition } of keys)
      await client.query(`alter table ${table} add constraint ${name} ${definition}`);
    for (const { definition } of indexes) await client.query(definition.replace(' ON ONLY ', ' ON '));
  };
}

/** Fills the tables with that many requests, unless they are there already. */
export async function fillUsage(url, rows, say) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of COMPANY) await client.query(statement);
    const [{ n }] = (await client.query('select count(*)::int as n from usage_requests')).rows;
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const stepMs = (DAYS * 86_400_000) / rows;
    const startedMs = performance.now();
    if (n < rows) await client.query('truncate usage_requests, usage_attempts');
    const restore = n < rows ? await withoutIndexes(client) : async () => undefined;
    for (let from = n >= rows ? rows : 0; from < rows; from += BATCH) {
      const parameters = [from, nowMs, stepMs, rows];
      await client.query(REQUESTS, parameters);
      await client.query(ATTEMPTS, parameters);
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
      say(`filling: ${Math.min(rows, from + BATCH).toLocaleString('en-US')} requests after ${seconds} s`);
    }
    await restore();
    say(`indexes made after ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
    await client.query('vacuum analyze usage_requests');
    await client.query('analyze');
    const [{ requests, attempts }] = (
      await client.query(
        'select (select count(*)::int from usage_requests) as requests, (select count(*)::int from usage_attempts) as attempts',
      )
    ).rows;
    return { requests, attempts, team: idOf('team', 3) };
  } finally {
    await client.end();
  }
}
