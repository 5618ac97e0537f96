import type { AttemptText, RowJson } from '../usage-rows';

export interface UsageRows {
  readonly attempts: readonly AttemptText[];
  /** Each a `RequestRow`. */
  readonly requests: readonly RowJson[];
}

/** Where usage ends up. Every write is idempotent: a row that is already there, by its id, is left as it is. */
export abstract class UsageStore {
  /** All or nothing, the bookings to budgets included. Throws `BadRowError` when a row, and not the store, is at fault. */
  abstract write(rows: UsageRows): Promise<void>;

  /**
   * Requests that died with their process: rows that are not there yet are written, with the sums of their attempts.
   * The attempts must have been written before.
   */
  abstract writeInterrupted(requests: readonly string[]): Promise<void>;

  /** The process is dead and everything of its journal is stored: what it held of budgets is given back. */
  abstract closeInstance(instanceId: string): Promise<void>;

  /** Makes room for the months to come. */
  abstract prepare(): Promise<void>;
}

/** The store works, but will never take these rows. */
export class BadRowError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'BadRowError';
  }
}
