import { Logger } from '@nestjs/common';
import { OverloadedError } from '../../core/errors';
import type { NanoUsd } from '../../core/money';
import type { Clock } from '../../platform/clock';
import type { BudgetAnswer, BudgetAsk, BudgetAuthority, BudgetFacts } from './budget-authority';
import { BudgetExceededError, BudgetUnavailableError } from './budget.errors';
import type { LeaseBook, Reservation } from './lease-book';
import { becomeModest, WaitingLine, type ReserveOrder, type Ticket } from './waiting-line';

/** Resolves after a time. Tests decide when. */
export type Pause = (milliseconds: number) => Promise<void>;

export interface DeskParts {
  readonly book: LeaseBook;
  readonly authority: BudgetAuthority;
  readonly clock: Clock;
  readonly pause: Pause;
  /** How long a call waits for money that other running calls hold and may not need. Default: 20 s. */
  readonly maxWaitMs?: number;
}

const MAX_WAIT_MS = 20_000;
/** How often it is looked whether other replicas have given something back. */
const POLL_MS = 40;
/** What is not needed of a scarce budget goes back after this time, together with what else comes free meanwhile. */
const FLUSH_MS = 15;
/** For so long a budget that was found empty is taken for empty. */
const EMPTY_MS = 200;
const RETRY_AFTER_MS = 1_000;
const MAX_BATCH = 200;
/** Every so many ticks the leases of silent processes are charged. */
const SWEEP_TICKS = 3;
const MAX_WAITING = 20_000;
const MAX_REMEMBERED = 50_000;

/**
 * Pays for attempts: out of the leases of this process when they have enough, which needs no round trip; else the attempt
 * waits until the authority has been asked, together with all others that wait. One call to the authority at a time.
 */
export class LeaseDesk {
  private readonly logger = new Logger(LeaseDesk.name);
  private readonly line = new WaitingLine();
  /** How budgets stood when the authority was last asked. */
  readonly lastFacts = new Map<string, { readonly facts: BudgetFacts; readonly atMs: number }>();
  private readonly prefetching = new Set<string>();
  private queue: Promise<unknown> = Promise.resolve();
  private wake: (() => void) | null = null;
  private isPumping = false;
  private isFlushDue = false;
  private isAway = false;
  private ticks = 0;

  constructor(private readonly parts: DeskParts) {}

  /** Attempts that wait for money. */
  get waitingCount(): number {
    return this.line.size;
  }

  /** Throws, or rejects with, `GatewayError` when the attempt cannot be paid; then nothing is held. */
  reserve(order: ReserveOrder): Reservation | Promise<Reservation> {
    const { book, clock } = this.parts;
    const nowMs = clock.monotonic();
    const ids = order.budgets.map(({ id }) => id);
    if (!this.line.wants(ids)) {
      const taken = book.take(ids, order.amountNanoUsd, nowMs);
      if (taken) {
        this.prefetch(ids, order.amountNanoUsd);
        return taken;
      }
    }
    this.refuseIfEmpty(order, nowMs);
    if (this.line.size >= MAX_WAITING || book.isFull) {
      throw new OverloadedError('Too many calls wait for their budget. Retry later.', RETRY_AFTER_MS);
    }
    const reservation = this.line.join(order, nowMs + (this.parts.maxWaitMs ?? MAX_WAIT_MS));
    void this.pump();
    return reservation;
  }

  /** The attempt has ended and is on record. */
  settle(reservation: Reservation, actualNanoUsd: NanoUsd): void {
    this.parts.book.settle(reservation, actualNanoUsd);
    this.freed(reservation);
  }

  /** The attempt was never made. */
  release(reservation: Reservation): void {
    this.parts.book.release(reservation);
    this.freed(reservation);
  }

  /** Forgets how budgets stood, and gives back what is free: a limit may have been lowered. Never throws. */
  async budgetsChanged(): Promise<void> {
    this.lastFacts.clear();
    this.wake?.();
    this.parts.book.tightenAll();
    await this.exclusive(() => this.upkeep());
  }

  /** Looks after the leases; call it once a second. Never throws. */
  async tick(): Promise<void> {
    this.parts.book.measure(this.parts.clock.monotonic());
    await this.exclusive(() => this.upkeep());
    this.ticks += 1;
    // A database that is away charges nobody: those who hold leases stop using them by their own clock.
    if (this.ticks % SWEEP_TICKS === 0) await this.parts.authority.sweep().catch(() => undefined);
  }

  /** Ends all leases. What is not stored yet keeps its lease, which ends with the journal. Never throws. */
  async close(): Promise<void> {
    this.parts.book.retireAll();
    await this.exclusive(() => this.upkeep());
  }

  private refuseIfEmpty({ budgets, amountNanoUsd, fit }: ReserveOrder, nowMs: number): void {
    for (const budget of budgets) {
      const known = this.lastFacts.get(budget.id);
      if (!known || nowMs - known.atMs > EMPTY_MS) continue;
      const available = known.facts.allowedNanoUsd - known.facts.fixedNanoUsd;
      if (available < amountNanoUsd && fit(available) === null)
        throw new BudgetExceededError(budget, known.facts, false);
    }
  }

  private freed({ holds }: Reservation): void {
    if (this.line.size > 0) this.wake?.();
    if (this.isFlushDue || !this.parts.book.isWanted(holds)) return;
    this.isFlushDue = true;
    void this.parts.pause(FLUSH_MS).then(() => {
      this.isFlushDue = false;
      return this.exclusive(() => this.upkeep());
    });
  }

  private prefetch(ids: readonly string[], amountNanoUsd: NanoUsd): void {
    for (const id of ids) {
      if (!this.parts.book.isLow(id) || this.prefetching.has(id)) continue;
      this.prefetching.add(id);
      void this.exclusive(async () => {
        const asks = [this.askFor(id, amountNanoUsd)];
        try {
          await this.ask(asks, []);
        } catch {
          // Attempts that need it ask again, and are told.
        } finally {
          this.prefetching.delete(id);
        }
      });
    }
  }

  private async pump(): Promise<void> {
    if (this.isPumping) return;
    this.isPumping = true;
    try {
      // Attempts of the same moment are asked for together.
      await Promise.resolve();
      while (this.line.size > 0) {
        const woken = new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        const isUrgent = await this.exclusive(() => this.round());
        if (this.line.size > 0 && !isUrgent) await Promise.race([woken, this.parts.pause(POLL_MS)]);
      }
    } finally {
      this.wake = null;
      this.isPumping = false;
    }
  }

  /** One look at those who wait. True when the next look should follow at once. */
  private async round(): Promise<boolean> {
    this.serveFrom(this.line.all);
    const batch = this.line.first(MAX_BATCH);
    if (batch.length === 0) return false;
    const { asks, attempts } = this.asksOf(batch);
    let answers: readonly BudgetAnswer[];
    try {
      answers = await this.ask(asks, attempts);
    } catch (error) {
      for (const ticket of batch) this.line.leave(ticket).reject(new BudgetUnavailableError(RETRY_AFTER_MS, error));
      return this.line.size > 0;
    }
    const byId = new Map(asks.map(({ budgetId }, place) => [budgetId, answers[place]]));
    for (const ticket of batch) {
      ticket.budgets = ticket.budgets.filter(({ id }) => byId.get(id)?.state !== 'gone');
    }
    this.serveFrom(batch);
    const nowMs = this.parts.clock.monotonic();
    let isUrgent = answers.some(({ state }) => state === 'stale');
    for (const ticket of batch) {
      if (this.line.has(ticket)) isUrgent = this.judge(ticket, byId, nowMs) || isUrgent;
    }
    const staying = batch.filter((ticket) => this.line.has(ticket));
    const areOthersWaiting = this.line.size > staying.length;
    // Those who go on waiting let the others be looked at.
    if (areOthersWaiting) for (const ticket of staying) this.line.requeue(ticket);
    return isUrgent || (areOthersWaiting && staying.length < batch.length);
  }

  /** Serves who can be served, in order, and lets go who has left. */
  private serveFrom(tickets: Iterable<Ticket>): void {
    const nowMs = this.parts.clock.monotonic();
    for (const ticket of tickets) {
      if (ticket.order.signal.aborted) {
        this.line.leave(ticket).reject(new Error('the client has gone'));
        continue;
      }
      const ids = ticket.budgets.map(({ id }) => id);
      const taken = this.parts.book.take(ids, ticket.amountNanoUsd, nowMs);
      if (taken) this.line.leave(ticket).resolve(taken);
    }
  }

  /** Refuses who cannot be helped by waiting, or asks for less. True when it is worth asking again at once. */
  private judge(ticket: Ticket, answers: ReadonlyMap<string, BudgetAnswer | undefined>, nowMs: number): boolean {
    for (const budget of ticket.budgets) {
      const answer = answers.get(budget.id);
      if (answer?.state !== 'open') continue;
      const available = answer.facts.allowedNanoUsd - answer.facts.fixedNanoUsd;
      const known = available - this.parts.book.unstored(budget.id);
      if (known >= ticket.amountNanoUsd) continue;
      const shorter = ticket.order.fit(known);
      // What this process has spent may be in both figures for a moment: only the authority's makes a refusal.
      if (shorter === null && ticket.order.fit(available) !== null) continue;
      if (shorter === null) {
        this.line.leave(ticket).reject(new BudgetExceededError(budget, answer.facts, false));
        return false;
      }
      ticket.amountNanoUsd = shorter;
      return true;
    }
    if (becomeModest(ticket)) return true;
    if (nowMs >= ticket.deadlineMs) this.giveUp(ticket, answers);
    return false;
  }

  /** It has waited long enough for money that others hold. */
  private giveUp(ticket: Ticket, answers: ReadonlyMap<string, BudgetAnswer | undefined>): void {
    const [first] = ticket.budgets.filter(({ id }) => answers.get(id)?.isTight);
    const facts = first && answers.get(first.id)?.facts;
    this.line
      .leave(ticket)
      .reject(facts ? new BudgetExceededError(first, facts, true) : new BudgetUnavailableError(RETRY_AFTER_MS));
  }

  /** What the batch lacks beyond what is free here. */
  private asksOf(batch: readonly Ticket[]): {
    asks: BudgetAsk[];
    attempts: { place: number; amountNanoUsd: NanoUsd }[][];
  } {
    const nowMs = this.parts.clock.monotonic();
    const amounts = new Map<string, NanoUsd>();
    for (const { budgets, amountNanoUsd } of batch) for (const { id } of budgets) amounts.set(id, amountNanoUsd);
    const ids = [...amounts.keys()].sort();
    const places = new Map(ids.map((id, place) => [id, place]));
    const free = new Map(ids.map((id) => [id, this.parts.book.free(id, nowMs)]));
    const attempts = batch.map(({ budgets, amountNanoUsd }) =>
      budgets.flatMap(({ id }) => {
        const here = free.get(id) ?? 0n;
        const used = here < amountNanoUsd ? here : amountNanoUsd;
        free.set(id, here - used);
        return used === amountNanoUsd ? [] : [{ place: places.get(id) ?? 0, amountNanoUsd: amountNanoUsd - used }];
      }),
    );
    return {
      asks: ids.map((id) => this.askFor(id, amounts.get(id) ?? 0n)),
      attempts: attempts.filter((entries) => entries.length > 0),
    };
  }

  private askFor(budgetId: string, amountNanoUsd: NanoUsd): BudgetAsk {
    const { book, clock } = this.parts;
    return {
      budgetId,
      leaseId: book.leaseIdFor(budgetId, clock.monotonic()),
      slackNanoUsd: book.slackFor(budgetId, amountNanoUsd),
    };
  }

  private async ask(
    asks: readonly BudgetAsk[],
    attempts: readonly { place: number; amountNanoUsd: NanoUsd }[][],
  ): Promise<readonly BudgetAnswer[]> {
    const { authority, book, clock } = this.parts;
    const askedAtMs = clock.monotonic();
    try {
      const answers = await authority.acquire(asks, attempts);
      this.reached();
      answers.forEach((answer, place) => this.learn(asks[place], answer, askedAtMs));
      return answers;
    } catch (error) {
      this.lost(error);
      for (const { leaseId, budgetId } of asks) book.doubt(leaseId, budgetId, askedAtMs);
      throw error;
    }
  }

  private learn(ask: BudgetAsk | undefined, answer: BudgetAnswer, askedAtMs: number): void {
    if (!ask) return;
    const { book } = this.parts;
    if (answer.state !== 'open') {
      book.retire(ask.leaseId);
      return;
    }
    if (this.lastFacts.size >= MAX_REMEMBERED) this.lastFacts.clear();
    this.lastFacts.set(ask.budgetId, { facts: answer.facts, atMs: askedAtMs });
    const { grantedNanoUsd, isTight, endsInMs } = answer;
    book.grant({ leaseId: ask.leaseId, budgetId: ask.budgetId, grantedNanoUsd, isTight, askedAtMs, endsInMs });
  }

  private async upkeep(): Promise<void> {
    const { authority, book, clock } = this.parts;
    const askedAtMs = clock.monotonic();
    const due = book.upkeep(askedAtMs, !this.isAway);
    try {
      if (due.length > 0) {
        const answers = await authority.renew(due);
        answers.forEach(({ state, isOver }, index) => {
          const leaseId = due[index]?.leaseId ?? '';
          if (state === 'open') book.renewed(leaseId, askedAtMs);
          else book.retire(leaseId);
          if (isOver) book.tightenLease(leaseId);
        });
      }
      const closable = book.closable();
      if (closable.length > 0) {
        await authority.close(closable);
        book.closed(closable);
      }
      if (due.length > 0 || closable.length > 0) this.reached();
    } catch (error) {
      this.lost(error);
      book.doubtAll(due);
    }
  }

  private reached(): void {
    if (this.isAway) this.logger.log('Budgets are checked again');
    this.isAway = false;
  }

  private lost(error: unknown): void {
    if (!this.isAway)
      this.logger.error('Budgets cannot be checked: calls go on within the leases that are left', error);
    this.isAway = true;
  }

  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.queue.then(work);
    this.queue = run.catch(() => undefined);
    return run;
  }
}
