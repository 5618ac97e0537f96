// Usage rows a second into PostgreSQL (embedded, with its durable defaults): as many attempts, paid by two budgets each, as requests, with
// ledger postings, roll-ups and settlement of budgets in the same transaction. In batches of 1,000, as they are shipped, and of
// 4,000, which block the thread that answers requests for longer. The rival writes the same rows and nothing else.
import { built, withDatabase } from './harness.mjs';

const { PostgresUsageStore } = built('billing/store/postgres-usage-store');
const { ATTEMPT_COLUMNS, REQUEST_COLUMNS } = built('billing/usage-rows');
const { newId } = built('core/ids');

const ROUNDS = 8;
/** Rows in each sample, whatever the size of its batches. */
const ROWS = 8_000;
const SIZES = [4_000, 1_000];
const TRIGGERS = [
  ['usage_attempts', 'usage_attempts_booked'],
  ['usage_requests', 'usage_requests_rolled_up'],
];

const EMPTY = { text: 'x', boolean: false, jsonb: null };
const blank = (columns) =>
  Object.fromEntries(Object.entries(columns).map(([name, type]) => [name, type in EMPTY ? EMPTY[type] : 1]));
const [ATTEMPT, REQUEST] = [blank(ATTEMPT_COLUMNS), blank(REQUEST_COLUMNS)];

/** 50 keys of 10 teams ask 5 models of 2 providers. */
function batch(paid, rows) {
  const attempts = [];
  const requests = [];
  for (let index = 0; index < rows / 2; index += 1) {
    const now = Date.now();
    const shared = {
      started_at: new Date(now).toISOString(),
      key_id: `key_${index % 50}`,
      key_name: `key ${index % 50}`,
      user_id: `user_${index % 50}`,
      team_id: `team_${index % 10}`,
      department_id: `dept_${index % 3}`,
      provider: index % 2 === 0 ? 'openai' : 'anthropic',
      model: `model-${index % 5}`,
      cost_nano_usd: String(1000 + index),
    };
    const request = newId('req', now);
    const id = newId('att', now);
    const booking = {
      id,
      started_at: shared.started_at,
      cost_nano_usd: shared.cost_nano_usd,
      charges: [
        { budget: 'bud_all', lease: null },
        { budget: `bud_${index % 10}`, lease: null },
      ],
    };
    const row = { ...ATTEMPT, ...shared, id, request_id: request, status: 'succeeded', usage_source: 'provider' };
    attempts.push({ json: JSON.stringify(row), booking: paid ? booking : null });
    requests.push(JSON.stringify({ ...REQUEST, ...shared, id: request, status: 200, error_code: null }));
  }
  return { attempts, requests };
}

const median = (values) => values.sort((left, right) => left - right)[values.length >> 1];

await withDatabase(async (database) => {
  const store = new PostgresUsageStore(database);
  for (const id of ['bud_all', ...Array.from({ length: 10 }, (_, index) => `bud_${index}`)]) {
    await database.query(
      `insert into budgets (id, name, source, scope, limit_nano_usd, period, timezone, hard, alerts)
       values ($1, $1, 'api', 'organization', 9000000000000000, 'month', 'UTC', false, '{}')`,
      [id],
    );
  }
  const time = async (isWhole, size) => {
    const verb = isWhole ? 'enable' : 'disable';
    for (const [table, trigger] of TRIGGERS) await database.query(`alter table ${table} ${verb} trigger ${trigger}`);
    const batches = Array.from({ length: ROWS / size }, () => batch(isWhole, size));
    const startedAt = performance.now();
    for (const rows of batches) await store.write(rows);
    return (ROWS * 1000) / (performance.now() - startedAt);
  };
  const samples = new Map(SIZES.map((size) => [size, { whole: [], bare: [] }]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [size, { whole, bare }] of samples) {
      whole.push(await time(true, size));
      bare.push(await time(false, size));
    }
  }
  for (const [size, { whole: wholes, bare: bares }] of samples) {
    const [whole, bare] = [median(wholes), median(bares)];
    process.stdout.write(
      `usage rows shipped, batches of ${size}: ${Math.round(whole)} rows/s with ledger, roll-ups and budgets; rows alone: ${Math.round(bare)} rows/s (${(bare / whole).toFixed(2)}×)\n`,
    );
  }
});
