import type { Identity } from '../../core/context';
import type { NanoUsd } from '../../core/money';
import type { AttemptText } from '../usage-rows';
import type { BudgetFacts } from './budget-authority';
import type { BudgetSnapshot } from './budget-snapshot';
import type { PaidCall, Payers } from './budget-terms';
import { BudgetExceededError } from './budget.errors';
import type { LeaseBook, Reservation } from './lease-book';
import type { LeaseDesk } from './lease-desk';
import type { ReserveOrder } from './waiting-line';

/** What billing knows of budgets: who pays for a call, and the money that calls in flight hold. */
export class BudgetGate {
  private refusedListener: (budgetId: string) => void = () => undefined;

  constructor(
    private readonly snapshot: () => BudgetSnapshot,
    private readonly desk: LeaseDesk,
    private readonly book: LeaseBook,
  ) {}

  payers(identity: Identity, call: PaidCall): Payers {
    return this.snapshot().payers(identity, call);
  }

  /** At once out of a lease, or after asking. Throws, or rejects with, `GatewayError` when the call cannot be paid. */
  reserve(order: ReserveOrder): Reservation | Promise<Reservation> {
    try {
      const reservation = this.desk.reserve(order);
      return reservation instanceof Promise ? reservation.catch((error: unknown) => this.refuse(error)) : reservation;
    } catch (error) {
      return this.refuse(error);
    }
  }

  /** How a hard budget stood when the database was last asked for some of it. */
  lastStanding(budgetId: string): BudgetFacts | undefined {
    return this.desk.lastFacts.get(budgetId)?.facts;
  }

  /** Told of each call that a budget refuses. */
  onRefused(listener: (budgetId: string) => void): void {
    this.refusedListener = listener;
  }

  settle(reservation: Reservation, actualNanoUsd: NanoUsd): void {
    this.desk.settle(reservation, actualNanoUsd);
  }

  /** Gives back what was reserved for an attempt that is not on record. */
  release(reservation: Reservation): void {
    this.desk.release(reservation);
  }

  /** Looks after the leases; call it once a second. Never throws. */
  tick(): Promise<void> {
    return this.desk.tick();
  }

  /** A budget was changed: what is known of all is forgotten, and what is free goes back. Never throws. */
  budgetsChanged(): Promise<void> {
    return this.desk.budgetsChanged();
  }

  /** Ends the leases of which everything is stored. Never throws. */
  close(): Promise<void> {
    return this.desk.close();
  }

  private refuse(error: unknown): never {
    if (error instanceof BudgetExceededError) this.refusedListener(error.budgetId);
    throw error;
  }

  /** These attempts of this process are in the database, and the leases have been charged there. */
  stored(attempts: readonly AttemptText[]): void {
    for (const { booking } of attempts) {
      if (!booking) continue;
      for (const { lease } of booking.charges)
        if (lease !== null) this.book.stored(lease, BigInt(booking.cost_nano_usd));
    }
  }
}
