import type { Attempt, AttemptIntent, AttemptLedger, GatewayContext, Identity } from '../core/context';
import { newId } from '../core/ids';
import { formatUsd, type NanoUsd } from '../core/money';
import { NO_USAGE, plainUsage, type TokenUsage, type UsageSource } from '../core/tokens';
import type { Clock } from '../platform/clock';
import { budgetFacts, refusalFacts } from './budgets/budget-trace';
import { payableCall, type PayableCall } from './budgets/payable-call';
import type { BudgetGate } from './budgets/budget-gate';
import type { Payers } from './budgets/budget-terms';
import { askedServiceTier } from './budgets/service-tier';
import type { Reservation } from './budgets/lease-book';
import { askedMembers, askedText, AttemptRecord, NO_ATTEMPTS, whoMembers, type AttemptTotals } from './build-rows';
import type { Journal } from './journal/journal';
import { worstCaseCost, type ModelPrice } from './model-price';
import type { PriceTable } from './prices/price-table';
import type { ProviderTypes } from './provider-types';
import { UsageMeter } from './usage-meter';
import type { Charge } from './usage-rows';

/** Reserved for the answer when the client set no bound: what most models write at most without being asked for more. */
const DEFAULT_RESERVED_OUTPUT_TOKENS = 4_096;

/** The surer figure first: a request is as sure as its least sure attempt that used anything. */
const SOURCES: readonly UsageSource[] = ['provider', 'counted', 'reserved'];

export interface LedgerParts {
  /** Of the moment the request was admitted: what changes later does not change what it is charged. */
  readonly prices: PriceTable;
  readonly types: ProviderTypes;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly budgets: BudgetGate;
}

/** What an attempt is paid from, and how much of it. */
interface Payment {
  readonly reservation: Reservation | null;
  readonly charges: readonly Charge[];
  readonly reserved: { readonly usage: TokenUsage; readonly costNanoUsd: NanoUsd };
  readonly maxOutputTokens: number | null;
}

/** An attempt that is on record. */
interface OpenedAttempt {
  readonly id: string;
  readonly price: ModelPrice;
  readonly record: AttemptRecord;
}

/** The attempts of one request: each is paid, priced and on record before it is made, and on record when it has ended. */
export class UsageLedger implements AttemptLedger {
  private readonly meters: UsageMeter[] = [];
  private readonly who: string;
  private readonly priceVersion: string;
  private readonly admittedAtMs: number;
  private askedOnce: string | undefined;

  constructor(
    private readonly parts: LedgerParts,
    private readonly context: GatewayContext,
    private readonly identity: Identity,
  ) {
    this.who = whoMembers(identity);
    this.priceVersion = parts.prices.version;
    this.admittedAtMs = parts.clock.now();
  }

  /**
   * Throws, or rejects with, a `GatewayError`: no price, a budget that cannot pay, or no room for the record. Then the call
   * may not be made, and nothing is held.
   */
  open(intent: AttemptIntent): Attempt | Promise<Attempt> {
    const { prices, types, budgets } = this.parts;
    const { provider, model, request } = intent;
    const target = { provider, model, providerType: types.typeOf(provider) };
    const price = prices.quote(target, this.admittedAtMs);
    const requestedModel = this.context.plan?.requestedModel ?? null;
    const payers = budgets.payers(this.identity, { provider, model, requestedModel });
    const answerBound = request.maxOutputTokens ?? prices.answerBound(target, request.estimatedInputTokens());
    if (payers.hard.length === 0) {
      this.trace(payers, null);
      return this.begin(intent, price, unlimited(intent, price, payers, answerBound));
    }
    const call = payableCall(intent, price, payers.hard, {
      answerTokens: answerBound,
      contextWindow: () => prices.facts(target).contextWindow,
    });
    const reservation = this.reserved(call, payers);
    if (!(reservation instanceof Promise)) return this.paid(intent, call, payers, reservation);
    return reservation.then((granted) => this.paid(intent, call, payers, granted));
  }

  private reserved(call: PayableCall, payers: Payers): Reservation | Promise<Reservation> {
    const { signal } = this.context;
    const refuse = (error: unknown): never => {
      this.context.decide('budget', 'refused', refusalFacts(error));
      throw error;
    };
    try {
      const reservation = this.parts.budgets.reserve({
        budgets: payers.hard,
        amountNanoUsd: call.amountNanoUsd,
        fit: (availableNanoUsd) => call.fit(availableNanoUsd),
        modestNanoUsd: call.modestNanoUsd,
        signal,
      });
      return reservation instanceof Promise ? reservation.catch(refuse) : reservation;
    } catch (error) {
      return refuse(error);
    }
  }

  private trace(payers: Payers, reserved: NanoUsd | null): void {
    if (payers.hard.length + payers.soft.length === 0) return this.context.decide('budget', 'none_applies');
    const { budgets } = budgetFacts(payers, (id) => this.parts.budgets.lastStanding(id));
    if (reserved === null) this.context.decide('budget', 'counted', { budgets });
    else this.context.decide('budget', 'reserved', { amount_usd: formatUsd(reserved), budgets });
  }

  /** What is known of the request before it is answered, for records. */
  get asked(): string {
    return (this.askedOnce ??= askedMembers(this.context));
  }

  cost(): NanoUsd {
    let sum = 0n;
    for (const meter of this.meters) sum += meter.cost();
    return sum;
  }

  usage(): TokenUsage {
    const [only, other] = this.meters;
    if (only && !other) return only.settled()?.usage ?? NO_USAGE;
    return this.totals().usage;
  }

  usedTokens(): number | null {
    let tokens = 0;
    for (const meter of this.meters) {
      const settlement = meter.settled();
      if (!settlement) return null;
      tokens += settlement.usage.inputTokens + settlement.usage.outputTokens;
    }
    return tokens;
  }

  /** Ends attempts that nobody ended: what the provider did with them is not known. */
  settleRest(): void {
    for (const meter of this.meters) {
      meter.settle({
        status: 'aborted',
        httpStatus: null,
        error: 'unsettled',
        servedModel: null,
        usage: null,
        billable: true,
      });
    }
  }

  /** The sums of the attempts that have ended. */
  totals(): AttemptTotals {
    let { target, servedModel, usage, costNanoUsd, source } = NO_ATTEMPTS;
    let used: UsageSource | null = null;
    for (const meter of this.meters) {
      const settlement = meter.settled();
      if (!settlement) continue;
      target = meter.target;
      servedModel = settlement.outcome.servedModel ?? servedModel;
      usage = sum(usage, settlement.usage);
      costNanoUsd += settlement.costNanoUsd;
      source = lessSure(source, settlement.source);
      if (settlement.usage !== NO_USAGE) used = lessSure(used, settlement.source);
    }
    const { priceVersion } = this;
    return {
      attempts: this.meters.length,
      target,
      servedModel,
      usage,
      costNanoUsd,
      source: used ?? source,
      priceVersion,
    };
  }

  /** The reservation is made; unless the attempt gets on record, it is undone. */
  private paid(intent: AttemptIntent, call: PayableCall, payers: Payers, reservation: Reservation): UsageMeter {
    const { budgets } = this.parts;
    const { amountNanoUsd, holds } = reservation;
    try {
      // Waiting for money takes time, in which a client may leave.
      if (this.context.isClosed) throw new Error('the request is over');
      this.trace(payers, amountNanoUsd);
      const outputTokens = call.outputTokensFor(amountNanoUsd);
      const isClamped = outputTokens < call.outputTokens;
      this.context.clampedMaxTokens = isClamped ? outputTokens : undefined;
      const charges: Charge[] = holds.map(({ budgetId, leaseId }) => ({ budget: budgetId, lease: leaseId }));
      const usage = reservedUsage(intent, call.inputTokens, outputTokens);
      return this.begin(intent, call.price, {
        reservation,
        charges: [...charges, ...softCharges(payers)],
        reserved: { usage, costNanoUsd: amountNanoUsd },
        maxOutputTokens: isClamped || intent.request.maxOutputTokens === null ? outputTokens : null,
      });
    } catch (error) {
      budgets.release(reservation);
      throw error;
    }
  }

  private begin(intent: AttemptIntent, price: ModelPrice, payment: Payment): UsageMeter {
    const { journal, clock } = this.parts;
    const startedAtMs = clock.now();
    const id = newId('att', startedAtMs);
    const target = { provider: intent.provider, model: intent.model };
    const { requestId } = this.context;
    const { priceVersion } = this;
    const { reserved, charges } = payment;
    const { index } = intent;
    const facts = { id, requestId, index, target, startedAtMs, price, priceVersion, reserved, charges };
    const record = new AttemptRecord(facts, this.who);
    journal.intent(id, record.intent(askedText(this.asked, this.context)));
    const meter = this.meterOf(intent, { id, price, record }, payment);
    this.meters.push(meter);
    return meter;
  }

  private meterOf(intent: AttemptIntent, opened: OpenedAttempt, payment: Payment): UsageMeter {
    const { journal, budgets, clock } = this.parts;
    const { id, price, record } = opened;
    const { reservation, maxOutputTokens } = payment;
    return new UsageMeter({
      id,
      target: { provider: intent.provider, model: intent.model },
      price,
      maxOutputTokens,
      reservedNanoUsd: reservation?.amountNanoUsd ?? null,
      monotonic: () => clock.monotonic(),
      askedServiceTier: askedServiceTier(intent.request),
      estimatedInputTokens: () => intent.request.estimatedInputTokens(),
      onSettled: (_meter, settlement) => {
        journal.settle(id, record.settled(settlement));
        if (reservation) budgets.settle(reservation, settlement.costNanoUsd);
      },
    });
  }
}

const softCharges = ({ soft }: Payers): Charge[] => soft.map(({ id }) => ({ budget: id, lease: null }));

/** With the service tier that was paid for: at the same price it must come to the same amount again. */
function reservedUsage({ request }: AttemptIntent, inputTokens: number, outputTokens: number): TokenUsage {
  return plainUsage(inputTokens, outputTokens * request.choices, askedServiceTier(request));
}

/** No hard budget: the reservation is only what the attempt counts as when its end is never heard of. */
function unlimited(intent: AttemptIntent, price: ModelPrice, payers: Payers, answerBound: number): Payment {
  const { request } = intent;
  const inputTokens = request.estimatedInputTokens();
  const maxOutputTokens = request.maxOutputTokens ?? Math.min(answerBound, DEFAULT_RESERVED_OUTPUT_TOKENS);
  return {
    reservation: null,
    charges: softCharges(payers),
    reserved: {
      usage: reservedUsage(intent, inputTokens, maxOutputTokens),
      costNanoUsd: worstCaseCost(price, inputTokens, maxOutputTokens, request.choices, askedServiceTier(request)),
    },
    maxOutputTokens: null,
  };
}

function lessSure(a: UsageSource | null, b: UsageSource): UsageSource {
  return a !== null && SOURCES.indexOf(a) > SOURCES.indexOf(b) ? a : b;
}

const sum = (a: TokenUsage, b: TokenUsage): TokenUsage => ({
  inputTokens: a.inputTokens + b.inputTokens,
  cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
  cacheWrite5mTokens: a.cacheWrite5mTokens + b.cacheWrite5mTokens,
  cacheWrite1hTokens: a.cacheWrite1hTokens + b.cacheWrite1hTokens,
  inputAudioTokens: a.inputAudioTokens + b.inputAudioTokens,
  inputImageTokens: a.inputImageTokens + b.inputImageTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  outputAudioTokens: a.outputAudioTokens + b.outputAudioTokens,
  outputImageTokens: a.outputImageTokens + b.outputImageTokens,
  webSearches: a.webSearches + b.webSearches,
});
