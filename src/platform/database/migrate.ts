import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Client } from 'pg';
import type { PostgresOptions } from './database-options';

/** Every replica that migrates takes this advisory lock first. */
const MIGRATION_LOCK = 7_274_011;
const WAIT_TIMEOUT_MS = 15 * 60_000;
const WAIT_POLL_MS = 100;
const WAIT_REPORT_MS = 10_000;
/** A migration that waits longer for a table that is in use gives up, so that traffic does not pile up behind it. */
const LOCK_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 10 * 60_000;

const logger = new Logger('Migrations');

/**
 * Brings the schema of the data source's database up to date and returns the names of the migrations it ran: all of
 * them or, when another replica was faster, none. What is pending is decided inside the lock. Each migration is its own
 * transaction, so one that is killed leaves nothing behind and the lock goes with its connection.
 */
export async function migrate(dataSource: DataSource): Promise<string[]> {
  const options = dataSource.options as PostgresOptions;
  const extra = options.extra as Record<string, unknown>;
  const lock = new Client({ ...extra, statement_timeout: 0, idle_in_transaction_session_timeout: 0 });
  lock.on('error', (error) => logger.warn(`The connection that holds the migration lock broke: ${error.message}`));
  await lock.connect();
  try {
    await waitForLock(lock);
    return await runPending(options, extra);
  } finally {
    await lock.end();
  }
}

/** Polls: a query that blocks in `pg_advisory_lock` holds a snapshot, for which CREATE INDEX CONCURRENTLY waits for ever. */
async function waitForLock(client: Client): Promise<void> {
  const started = performance.now();
  let reported = started;
  for (;;) {
    const result = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [MIGRATION_LOCK]);
    if (result.rows[0]?.taken === true) return;
    const now = performance.now();
    if (now - started > WAIT_TIMEOUT_MS) {
      throw new Error(
        'Another replica has held the migration lock for 15 minutes. Look at it in pg_stat_activity and end it.',
      );
    }
    if (now - reported > WAIT_REPORT_MS) {
      logger.log('Waiting for another replica to finish the migrations.');
      reported = now;
    }
    await sleep(WAIT_POLL_MS);
  }
}

async function runPending(options: PostgresOptions, extra: Record<string, unknown>): Promise<string[]> {
  const runner = new DataSource({
    ...options,
    entities: [],
    poolSize: 2,
    extra: { ...extra, statement_timeout: STATEMENT_TIMEOUT_MS, lock_timeout: LOCK_TIMEOUT_MS },
  });
  await runner.initialize();
  try {
    const ran = await runner.runMigrations({ transaction: 'each' });
    return ran.map(({ name }) => name);
  } finally {
    await runner.destroy();
  }
}
