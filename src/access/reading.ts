import type { EntityManager } from 'typeorm';
import type { Scope } from '../core/scope';

/** How a row is read. */
export interface Reading {
  /** The transaction to read in. */
  readonly manager?: EntityManager | undefined;
  /** What is outside it is not found. Absent: everybody's. */
  readonly scope?: Scope | undefined;
}
