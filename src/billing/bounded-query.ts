import type { DataSource, EntityManager } from 'typeorm';
import { InvalidRequestError } from '../core/errors';

/** A report that takes longer holds others up. */
const TIMEOUT_MS = 5_000;
/** Less is not worth a statement. */
const LEAST_MS = 1;
const QUERY_CANCELED = '57014';

/** Whether the database gave up because the time of a statement was over. */
export const isCanceled = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === QUERY_CANCELED;

export class TooSlowError extends InvalidRequestError {
  constructor() {
    super('The query took more than 5 seconds. Narrow "from" and "to", or add a filter.');
  }
}

/** Says in the caller's words that the database gave up. */
export const asTooSlow = (error: unknown): unknown => (isCanceled(error) ? new TooSlowError() : error);

export const limitStatement = `set local statement_timeout = ${TIMEOUT_MS}`;

/** Runs a read of one statement; null when it took longer than that. */
export async function queryWithin<T>(
  database: DataSource,
  limitMs: number,
  read: (manager: EntityManager) => Promise<T>,
): Promise<T | null> {
  if (limitMs < LEAST_MS) return null;
  try {
    return await database.transaction(async (manager) => {
      await manager.query(`set local statement_timeout = ${Math.floor(limitMs)}`);
      return read(manager);
    });
  } catch (error) {
    if (isCanceled(error)) return null;
    throw error;
  }
}

/** Runs a read with a time limit of its own. Throws `InvalidRequestError` when it takes too long. */
export async function boundedQuery<T>(database: DataSource, read: (manager: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await database.transaction(async (manager) => {
      await manager.query(limitStatement);
      return read(manager);
    });
  } catch (error) {
    throw asTooSlow(error);
  }
}
