import type { UsageRequest } from '../../billing';
import { formatUsd } from '../../core/money';
import { csvLine } from './csv-line';

type Cell = string | number | boolean | null;

const COLUMNS: Readonly<Record<string, (row: UsageRequest) => Cell>> = {
  id: ({ id }) => id,
  started_at: ({ startedAt }) => startedAt.toISOString(),
  department_id: ({ departmentId }) => departmentId,
  team_id: ({ teamId }) => teamId,
  user_id: ({ userId }) => userId,
  key_id: ({ keyId }) => keyId,
  key_name: ({ keyName }) => keyName,
  endpoint: ({ endpoint }) => endpoint,
  dialect: ({ dialect }) => dialect,
  requested_model: ({ requestedModel }) => requestedModel,
  provider: ({ provider }) => provider,
  model: ({ model }) => model,
  stream: ({ stream }) => stream,
  status: ({ status }) => status,
  error_code: ({ errorCode }) => errorCode,
  cache_status: ({ cacheStatus }) => cacheStatus,
  attempts: ({ attempts }) => attempts,
  fallback: ({ fallback }) => fallback,
  input_tokens: ({ inputTokens }) => inputTokens,
  output_tokens: ({ outputTokens }) => outputTokens,
  cost_usd: ({ costNanoUsd }) => formatUsd(costNanoUsd),
  saved_usd: ({ savedNanoUsd }) => formatUsd(savedNanoUsd),
  latency_ms: ({ latencyMs }) => latencyMs,
  ttfb_ms: ({ ttfbMs }) => ttfbMs,
};

const READERS = Object.values(COLUMNS);
/** Lines that go out together: a write for each costs more than the line. */
const BATCH = 200;

/** Requests as CSV, many lines at a time. */
export async function* toRequestCsv(rows: AsyncIterable<UsageRequest>): AsyncGenerator<string> {
  let text = csvLine(Object.keys(COLUMNS));
  let lines = 0;
  for await (const row of rows) {
    text += csvLine(READERS.map((read) => String(read(row) ?? '')));
    lines += 1;
    if (lines % BATCH !== 0) continue;
    yield text;
    text = '';
  }
  yield text;
}
