import type { NanoUsd } from '../../core/money';

/** What is asked for of one budget. */
export interface BudgetAsk {
  readonly budgetId: string;
  /** The lease to add to, made when it does not exist. */
  readonly leaseId: string;
  /** More than the attempts need, worth taking along while there is plenty. */
  readonly slackNanoUsd: NanoUsd;
}

/** What one attempt lacks, all or nothing. `place` is the index of the budget among the asks. */
export type AttemptAsk = readonly { readonly place: number; readonly amountNanoUsd: NanoUsd }[];

/** How a budget stands. */
export interface BudgetFacts {
  /** The limit in force, top-ups included. */
  readonly allowedNanoUsd: NanoUsd;
  /** Spent, or counted as spent: no waiting brings it back. */
  readonly fixedNanoUsd: NanoUsd;
  /** Held by replicas for calls in flight and the next ones. */
  readonly leasedNanoUsd: NanoUsd;
  /** Null: never. */
  readonly resetsAt: Date | null;
}

/**
 * `open`: the lease has grown by `grantedNanoUsd`. `stale`: the lease belongs to a period that is over, or was charged;
 * ask again with a new one. `gone`: there is no such hard budget any more.
 */
export interface BudgetAnswer {
  readonly state: 'open' | 'stale' | 'gone';
  readonly grantedNanoUsd: NanoUsd;
  /** Less was granted than asked for, or nothing could be added: there is not plenty any more. */
  readonly isTight: boolean;
  /** Until the period ends, or the first of the top-ups that count; Infinity: never. */
  readonly endsInMs: number;
  readonly facts: BudgetFacts;
}

/** `charged`: silent for too long, its amount counts as unaccounted. `gone`: unknown. */
export interface RenewAnswer {
  readonly state: 'open' | 'charged' | 'gone';
  /** More is spent and held than is allowed now: the limit was lowered. */
  readonly isOver: boolean;
}

/**
 * Who decides how much of each budget is left. A call that throws may have taken effect or not. Calls for a lease that is
 * gone do nothing.
 */
export abstract class BudgetAuthority {
  /** Reserves for the attempts in their order, each with all its budgets or not at all; answers in the order of `asks`. */
  abstract acquire(asks: readonly BudgetAsk[], attempts: readonly AttemptAsk[]): Promise<BudgetAnswer[]>;

  /** Gives back part of leases and renews them; answers in their order. */
  abstract renew(
    leases: readonly { readonly leaseId: string; readonly returnNanoUsd: NanoUsd }[],
  ): Promise<RenewAnswer[]>;

  /** Ends leases of which everything is stored; what they still count is given back. */
  abstract close(leaseIds: readonly string[]): Promise<void>;

  /** Charges the leases whose holder has been silent for too long. */
  abstract sweep(): Promise<void>;
}
