import type { QueryRunner } from 'typeorm';
import type { Clock } from '../platform/clock';
import { isCanceled } from './bounded-query';
import { SliceLength } from './slice-length';
import type { Grain } from './usage-source';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

/** Slices end with a unit: what is finer may have been dropped, and is more to read. */
const UNIT_MS: Readonly<Record<Grain, number>> = { row: 1, hour: HOUR_MS, day: DAY_MS };
const FIRST_SLICE_MS: Readonly<Record<Grain, number>> = { row: HOUR_MS, hour: DAY_MS, day: 30 * DAY_MS };

interface Statement {
  readonly sql: string;
  readonly parameters: unknown[];
}

interface Gathering {
  /** A temporary table with the columns of the statements. */
  readonly table: string;
  readonly coarsest: Grain;
  readonly from: Date;
  readonly to: Date;
  /** What one statement may take. */
  readonly limitMs: number;
  readonly statementOf: (from: Date, to: Date) => Statement;
}

/** Puts the sums of one slice of time after another into the table, however much there is to read. */
export async function gatherUsage(runner: QueryRunner, clock: Clock, gathering: Gathering): Promise<void> {
  const { table, coarsest, limitMs } = gathering;
  const toMs = gathering.to.getTime();
  const length = new SliceLength(FIRST_SLICE_MS[coarsest]);
  await runner.query(`set local statement_timeout = ${limitMs}`);
  for (let fromMs = gathering.from.getTime(); fromMs < toMs;) {
    const endMs = Math.min(toMs, endOf(fromMs, length.ms, UNIT_MS[coarsest]));
    const { sql, parameters } = gathering.statementOf(new Date(fromMs), new Date(endMs));
    const startedMs = clock.monotonic();
    if (await isDone(runner, `insert into ${table} ${sql}`, parameters)) {
      length.took(clock.monotonic() - startedMs, limitMs);
      fromMs = endMs;
    } else length.missed();
  }
}

function endOf(fromMs: number, lengthMs: number, unitMs: number): number {
  const units = Math.max(Math.floor(fromMs / unitMs) + 1, Math.floor((fromMs + lengthMs) / unitMs));
  return units * unitMs;
}

/** Whether there was time enough; the transaction goes on in any case. */
async function isDone(runner: QueryRunner, sql: string, parameters: unknown[]): Promise<boolean> {
  await runner.query('savepoint slice');
  try {
    await runner.query(sql, parameters);
    await runner.query('release savepoint slice');
    return true;
  } catch (error) {
    if (!isCanceled(error)) throw error;
    await runner.query('rollback to savepoint slice');
    return false;
  }
}
