import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { DatabaseServer } from './database-server';

/** A command that finds no database for so long gives up. */
const WAIT_TIMEOUT_MS = 60_000;
const POLL_MS = 250;
/** Attempts. */
const REPORT_EVERY = 40;

/** The server is away, starting, stopping or full: it may be there in a moment. */
const PASSING = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  '53300',
  '57P01',
  '57P02',
  '57P03',
]);

const logger = new Logger('Database');

/** Connects to a database that may not be up yet: a server waits as long as it takes, a command for a minute. */
export async function connectWhenUp(dataSource: DataSource, server: DatabaseServer): Promise<void> {
  const where = server.describe();
  const deadline = server.isAwaited ? Infinity : performance.now() + WAIT_TIMEOUT_MS;
  for (let attempt = 0; ; attempt += 1) {
    try {
      await dataSource.initialize();
      return;
    } catch (error) {
      const reason = describe(error);
      if (!isPassing(error) || performance.now() > deadline) {
        throw new Error(
          `Cannot use the database ${where}: ${reason}. Check DATABASE_URL (or database.url in the configuration).`,
          {
            cause: error,
          },
        );
      }
      if (server.isAwaited) await server.waitFor('does not answer yet; the log says why');
      if (attempt % REPORT_EVERY === 0) logger.warn(`Waiting for the database ${where}: ${reason}`);
      await sleep(POLL_MS);
    }
  }
}

/** Errors of a host with several addresses come as an `AggregateError` without a message of its own. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

function isPassing(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(isPassing);
  const { code, message } = error as { code?: string; message?: string };
  return code === undefined ? /timeout|terminated/i.test(message ?? '') : PASSING.has(code);
}
