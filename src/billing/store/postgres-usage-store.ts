import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import {
  ATTEMPT_COLUMNS,
  REQUEST_COLUMNS,
  TOKEN_COLUMNS,
  type AttemptText,
  type Booking,
  type ColumnTypes,
  type RowJson,
} from '../usage-rows';
import { BadRowError, UsageStore, type UsageRows } from './usage-store';

/** SQLSTATE classes of a value that does not fit: data exception, integrity violation. All else is the server's state and passes. */
const BAD_ROW_CLASSES = ['22', '23'];

/** Months made ahead: rows never wait for a partition, even when nobody restarts the gateway for weeks. */
const MONTHS_AHEAD = 2;

@Injectable()
export class PostgresUsageStore extends UsageStore {
  private readonly insertAttempts = insertStatement('usage_attempts', ATTEMPT_COLUMNS, 'charges');
  private readonly insertRequests = insertStatement('usage_requests', REQUEST_COLUMNS);

  constructor(@InjectDataSource() private readonly database: DataSource) {
    super();
  }

  override async write({ attempts, requests }: UsageRows): Promise<void> {
    await this.inTransaction(async (manager) => {
      const bookings = attempts.length > 0 ? await this.insert(manager, attempts) : null;
      if (requests.length > 0) await manager.query(this.insertRequests, [listOf(requests)]);
      // Last, because it locks the budgets, and calls may be waiting for those.
      if (bookings && bookings.budgets.length > 0) {
        const { budgets, leases, amounts, started } = bookings;
        await manager.query(SETTLE, [budgets, leases, amounts, started]);
      }
    });
  }

  override async writeInterrupted(requests: readonly string[]): Promise<void> {
    await this.inTransaction(async (manager) => {
      const insert = `${this.insertRequests} returning id`;
      const inserted = await manager.query<{ id: string }[]>(insert, [listOf(requests)]);
      if (inserted.length > 0) await manager.query(SUM_ATTEMPTS, [inserted.map((row) => row.id)]);
    });
  }

  override async closeInstance(instanceId: string): Promise<void> {
    await this.database.query('select budget_close_instance($1)', [instanceId]);
  }

  override async prepare(): Promise<void> {
    await this.database.query('select usage_ensure_partitions($1)', [MONTHS_AHEAD]);
  }

  /** Postings and roll-ups follow from the rows by triggers. An attempt that is there already has been booked already. */
  private async insert(manager: EntityManager, attempts: readonly AttemptText[]): Promise<Bookings | null> {
    const charges = attempts.map(({ booking }) => (booking ? JSON.stringify(booking.charges) : '[]'));
    const values = [listOf(attempts.map(({ json }) => json)), charges];
    const wanted = attempts.flatMap(({ booking }) => (booking ? [booking] : []));
    if (wanted.length === 0) {
      await manager.query(this.insertAttempts, values);
      return null;
    }
    const inserted = await manager.query<{ id: string }[]>(`${this.insertAttempts} returning id`, values);
    return bookingsOf(wanted, new Set(inserted.map(({ id }) => id)));
  }

  private async inTransaction(work: (manager: EntityManager) => Promise<void>): Promise<void> {
    try {
      await this.database.transaction(work);
    } catch (error) {
      throw isBadRow(error) ? new BadRowError(error) : error;
    }
  }
}

function isBadRow(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.length === 5 && BAD_ROW_CLASSES.includes(code.slice(0, 2));
}

/** What is left out where it is nothing: counts that most calls do not have, and prices that records of an older version do not know. */
const ZERO_WHEN_ABSENT: ReadonlySet<string> = new Set([
  ...Object.keys(TOKEN_COLUMNS),
  'input_image_price_pico',
  'output_image_price_pico',
]);

/** From a list of rows as JSON; `beside` is one more column, of JSON, from a list of its own. */
function insertStatement<Row>(table: string, columns: ColumnTypes<Row>, beside?: string): string {
  const names = Object.keys(columns).map((name) => `"${name}"`);
  const typed = Object.entries<string>(columns).map(([name, type]) => `"${name}" ${type}`);
  const values = Object.keys(columns).map((name) =>
    ZERO_WHEN_ABSENT.has(name) ? `coalesce("${name}", 0)` : `"${name}"`,
  );
  const rows = `json_to_recordset($1::json) as (${typed.join(', ')})`;
  const [into, from, beyond] =
    beside === undefined ? [names, rows, []] : [[...names, beside], `${rows}, unnest($2::jsonb[])`, [beside]];
  return `insert into ${table} (${into.join(', ')})
    select ${[...values, ...beyond].join(', ')} from rows from (${from}) as r (${[...names, ...beyond].join(', ')}) on conflict do nothing`;
}

const [OPEN, COMMA, CLOSE] = [Buffer.from('['), Buffer.from(','), Buffer.from(']')];

/** The rows are JSON already: what is not read here is neither parsed nor escaped again. Bytes are sent as they are. */
function listOf(rows: readonly RowJson[]): Buffer {
  const pieces = rows.flatMap((row) => [COMMA, typeof row === 'string' ? Buffer.from(row) : row]);
  return Buffer.concat([OPEN, ...pieces.slice(1), CLOSE]);
}

const SETTLE = 'select budget_settle($1::text[], $2::text[], $3::bigint[], $4::timestamptz[])';

interface Bookings {
  readonly budgets: string[];
  readonly leases: (string | null)[];
  readonly amounts: string[];
  readonly started: string[];
}

/** Periods begin on whole minutes: what began in the same minute belongs to the same period. */
const MINUTE_LENGTH = 'YYYY-MM-DDTHH:MM'.length;

/** One booking for each lease; those of soft budgets go by the minute, because their period is the one they began in. */
function bookingsOf(wanted: readonly Booking[], inserted: ReadonlySet<string>): Bookings {
  const bookings: Bookings = { budgets: [], leases: [], amounts: [], started: [] };
  const placeOf = new Map<string, number>();
  for (const { id, charges, cost_nano_usd: cost, started_at: startedAt } of wanted) {
    if (!inserted.has(id)) continue;
    for (const { budget, lease } of charges) {
      const key = lease ?? `${budget} ${startedAt.slice(0, MINUTE_LENGTH)}`;
      const place = placeOf.get(key);
      if (place === undefined) {
        placeOf.set(key, bookings.budgets.push(budget) - 1);
        bookings.leases.push(lease);
        bookings.amounts.push(cost);
        bookings.started.push(startedAt);
      } else bookings.amounts[place] = (BigInt(bookings.amounts[place] ?? 0) + BigInt(cost)).toString();
    }
  }
  return bookings;
}

const SUM_ATTEMPTS = `
update usage_requests r set
  attempts = a.attempts,
  cost_nano_usd = a.cost_nano_usd,
  input_tokens = a.input_tokens,
  cache_read_tokens = a.cache_read_tokens,
  cache_write_5m_tokens = a.cache_write_5m_tokens,
  cache_write_1h_tokens = a.cache_write_1h_tokens,
  input_audio_tokens = a.input_audio_tokens,
  input_image_tokens = a.input_image_tokens,
  output_tokens = a.output_tokens,
  reasoning_tokens = a.reasoning_tokens,
  output_audio_tokens = a.output_audio_tokens,
  output_image_tokens = a.output_image_tokens,
  web_searches = a.web_searches
from (
  select request_id, count(*) as attempts, sum(cost_nano_usd) as cost_nano_usd,
    sum(input_tokens) as input_tokens, sum(cache_read_tokens) as cache_read_tokens,
    sum(cache_write_5m_tokens) as cache_write_5m_tokens, sum(cache_write_1h_tokens) as cache_write_1h_tokens,
    sum(input_audio_tokens) as input_audio_tokens, sum(input_image_tokens) as input_image_tokens,
    sum(output_tokens) as output_tokens,
    sum(reasoning_tokens) as reasoning_tokens, sum(output_audio_tokens) as output_audio_tokens, sum(output_image_tokens) as output_image_tokens,
    sum(web_searches) as web_searches
  from usage_attempts where request_id = any($1) group by request_id
) a
where r.id = a.request_id and r.id = any($1)`;
