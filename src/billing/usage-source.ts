import { InvalidRequestError } from '../core/errors';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

/** What sums are made of: requests themselves, or their hourly or daily roll-ups, which a longer time reads less of. */
export type Grain = 'row' | 'hour' | 'day';

export interface Span {
  readonly grain: Grain;
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

const WHO = 'department_id, team_id, user_id, key_id, key_name, provider, model';
const ROLLED_WHO = `department_id, team_id, nullif(user_id, '') as user_id, key_id, key_name,
  nullif(provider, '') as provider, nullif(model, '') as model`;

const TOKENS = `input_tokens, cache_read_tokens, cache_write_5m_tokens + cache_write_1h_tokens as cache_write_tokens, output_tokens,
  reasoning_tokens, cost_nano_usd, saved_nano_usd`;

const ROWS = `started_at as at, ${WHO}, 1 as requests, (status >= 400 or error_code is not null)::int as errors,
  fallback::int as fallbacks, (cache_status in ('hit', 'semantic-hit'))::int as cache_hits, ${TOKENS}, metadata`;
const ROLL_UPS = `starts_at as at, ${ROLLED_WHO}, requests, errors, fallbacks, cache_hits, ${TOKENS}, null::jsonb as metadata`;

const TABLES: Readonly<Record<Grain, { readonly table: string; readonly time: string; readonly columns: string }>> = {
  row: { table: 'usage_requests', time: 'started_at', columns: ROWS },
  hour: { table: 'usage_hours', time: 'starts_at', columns: ROLL_UPS },
  day: { table: 'usage_days', time: 'starts_at', columns: ROLL_UPS },
};

/**
 * A time as whole days and hours (UTC), and the rest of it as rows: the same sums for the least reading. Nothing coarser
 * than `coarsest` is used: sums by the hour cannot be had from days, sums by a label only from rows.
 */
export function spansOf(fromMs: number, toMs: number, coarsest: Grain): Span[] {
  if (fromMs >= toMs) return [];
  if (coarsest === 'row') return [{ grain: 'row', fromMs, toMs }];
  const unitMs = coarsest === 'day' ? DAY_MS : HOUR_MS;
  const finer = coarsest === 'day' ? 'hour' : 'row';
  const [first, last] = [Math.ceil(fromMs / unitMs) * unitMs, Math.floor(toMs / unitMs) * unitMs];
  if (first >= last) return spansOf(fromMs, toMs, finer);
  return [
    ...spansOf(fromMs, first, finer),
    { grain: coarsest, fromMs: first, toMs: last },
    ...spansOf(last, toMs, finer),
  ];
}

/** A table expression over a time, its bounds added to the parameters. Columns: `at`, who, what, and the sums. */
export function usageSource(from: Date, to: Date, coarsest: Grain, parameters: unknown[]): string {
  const spans = spansOf(from.getTime(), to.getTime(), coarsest);
  if (spans.length === 0) throw new InvalidRequestError('"from" must be before "to".', 'from');
  const parts = spans.map(({ grain, fromMs, toMs }) => {
    const { table, time, columns } = TABLES[grain];
    parameters.push(new Date(fromMs), new Date(toMs));
    return `select ${columns} from ${table} where ${time} >= $${parameters.length - 1} and ${time} < $${parameters.length}`;
  });
  return `(${parts.join(' union all ')}) as usage`;
}
