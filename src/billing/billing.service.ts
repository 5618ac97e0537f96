import { Injectable } from '@nestjs/common';
import type { AttemptLedger, GatewayContext } from '../core/context';
import { Clock } from '../platform/clock';
import { BudgetGate } from './budgets/budget-gate';
import { askedMembers, NO_ATTEMPTS, requestText, whoMembers } from './build-rows';
import { PriceBook } from './price-book';
import { ProviderTypes } from './provider-types';
import { UsageJournal, type UsageStats } from './usage-journal';
import { UsageLedger } from './usage-ledger';

/** What requests cost and who is to be told: every attempt and every request of a known caller gets its record. */
@Injectable()
export class BillingService {
  constructor(
    private readonly prices: PriceBook,
    private readonly types: ProviderTypes,
    private readonly usage: UsageJournal,
    private readonly clock: Clock,
    private readonly budgets: BudgetGate,
  ) {}

  /** The ledger through which this request opens its attempts. */
  openLedger(context: GatewayContext): AttemptLedger {
    if (!context.identity) throw new Error('A ledger is opened for a known caller: the API key guard must run before');
    const { types, clock, budgets } = this;
    return new UsageLedger(
      { prices: this.prices.table, types, clock, budgets, journal: this.usage.journal },
      context,
      context.identity,
    );
  }

  /** Puts the request on record when it ends, however it ends. Call it before anything else is deferred: it must run last. */
  track(context: GatewayContext): void {
    context.defer(() => this.recordRequest(context));
  }

  /** Requests without a known caller have no record. */
  private recordRequest(context: GatewayContext): void {
    if (!context.identity) return;
    const ledger = context.attempts instanceof UsageLedger ? context.attempts : null;
    ledger?.settleRest();
    const totals = ledger?.totals() ?? NO_ATTEMPTS;
    const facts = { asked: ledger?.asked ?? askedMembers(context), who: whoMembers(context.identity) };
    this.usage.journal.request(requestText(context, facts, totals), totals.attempts > 0);
  }

  /** For metrics and alerts: a backlog that grows means that the database is away. */
  journalStats(): UsageStats {
    return this.usage.stats();
  }
}
