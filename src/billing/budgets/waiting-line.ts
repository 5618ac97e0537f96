import type { Cancellable } from '../../core/cancel-signal';
import type { NanoUsd } from '../../core/money';
import type { BudgetTerms } from './budget-terms';
import type { Reservation } from './lease-book';

/** What an attempt wants to reserve. */
export interface ReserveOrder {
  readonly budgets: readonly BudgetTerms[];
  readonly amountNanoUsd: NanoUsd;
  /** The most that a shorter answer within `availableNanoUsd` costs; null when none is worth asking for. */
  fit(availableNanoUsd: NanoUsd): NanoUsd | null;
  /** What it is content with, rather than wait for money that others hold; null: it wants the whole amount. */
  readonly modestNanoUsd?: NanoUsd | null;
  /** Aborted when nobody wants the answer any more. */
  readonly signal: Cancellable;
}

/** An attempt that waits for money. */
export interface Ticket {
  readonly order: ReserveOrder;
  budgets: readonly BudgetTerms[];
  amountNanoUsd: NanoUsd;
  readonly deadlineMs: number;
  resolve(reservation: Reservation): void;
  reject(error: Error): void;
}

/** Takes what it is content with instead of the whole; false when it has done so, or has no such wish. */
export function becomeModest(ticket: Ticket): boolean {
  const modest = ticket.order.modestNanoUsd ?? ticket.amountNanoUsd;
  const isLess = modest < ticket.amountNanoUsd;
  if (isLess) ticket.amountNanoUsd = modest;
  return isLess;
}

/** Attempts that wait, in the order in which they are looked at. */
export class WaitingLine {
  private readonly tickets = new Set<Ticket>();
  private readonly wanted = new Map<string, number>();

  get size(): number {
    return this.tickets.size;
  }

  get all(): Iterable<Ticket> {
    return this.tickets;
  }

  /** Whether somebody waits for one of these budgets already. */
  wants(budgetIds: readonly string[]): boolean {
    return this.tickets.size > 0 && budgetIds.some((id) => this.wanted.has(id));
  }

  has(ticket: Ticket): boolean {
    return this.tickets.has(ticket);
  }

  join(order: ReserveOrder, deadlineMs: number): Promise<Reservation> {
    return new Promise((resolve, reject) => {
      const { budgets, amountNanoUsd } = order;
      this.tickets.add({ order, budgets, amountNanoUsd, deadlineMs, resolve, reject });
      for (const { id } of budgets) this.wanted.set(id, (this.wanted.get(id) ?? 0) + 1);
    });
  }

  /** Behind all others, so that they are looked at too. */
  requeue(ticket: Ticket): void {
    this.tickets.delete(ticket);
    this.tickets.add(ticket);
  }

  leave(ticket: Ticket): Ticket {
    if (!this.tickets.delete(ticket)) return ticket;
    for (const { id } of ticket.order.budgets) {
      const count = (this.wanted.get(id) ?? 1) - 1;
      if (count <= 0) this.wanted.delete(id);
      else this.wanted.set(id, count);
    }
    return ticket;
  }

  first(count: number): Ticket[] {
    const first: Ticket[] = [];
    for (const ticket of this.tickets) {
      if (first.length === count) break;
      first.push(ticket);
    }
    return first;
  }
}
