import { QueryFailedError } from 'typeorm';
import { ConflictError, InvalidRequestError } from '../core/errors';

/** What a violated constraint means to the caller, by the constraint's name. */
export type ConstraintMeanings = Readonly<Record<string, () => Error>>;

/** Runs a write; a constraint it violates is told in the caller's words instead of the database's. */
export async function explaining<T>(meanings: ConstraintMeanings, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const constraint =
      error instanceof QueryFailedError ? (error.driverError as { constraint?: string }).constraint : undefined;
    throw (constraint === undefined ? undefined : meanings[constraint]?.()) ?? error;
  }
}

export const conflict =
  (message: string, param?: string): (() => Error) =>
  () =>
    new ConflictError(message, param);

export const invalid =
  (message: string, param: string): (() => Error) =>
  () =>
    new InvalidRequestError(message, param);
