import type { DataSource, EntityManager } from 'typeorm';
import { InvalidRequestError } from '../core/errors';

/** A report that takes longer holds others up. */
const TIMEOUT_MS = 5_000;
const QUERY_CANCELED = '57014';

/** Whether the database gave up because the time of a statement was over. */
export const isCanceled = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === QUERY_CANCELED;

/** Says in the caller's words that the database gave up. */
export function asTooSlow(error: unknown): unknown {
  return isCanceled(error)
    ? new InvalidRequestError('The query took more than 5 seconds. Narrow "from" and "to", or add a filter.')
    : error;
}

export const limitStatement = `set local statement_timeout = ${TIMEOUT_MS}`;

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
