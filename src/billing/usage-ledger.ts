import type { Attempt, AttemptIntent, AttemptLedger, GatewayContext, Identity } from '../core/context';
import { newId } from '../core/ids';
import type { NanoUsd } from '../core/money';
import { NO_USAGE, type TokenUsage, type UsageSource } from '../core/tokens';
import type { Clock } from '../platform/clock';
import { inDoubtRow, interruptedRow, NO_ATTEMPTS, settledRow, whoColumns, type AttemptTotals } from './build-rows';
import type { Journal } from './journal/journal';
import { worstCaseCost, type ModelPrice } from './model-price';
import type { PriceBook } from './price-book';
import type { ProviderTypes } from './provider-types';
import { UsageMeter } from './usage-meter';
import type { AttemptRow, WhoColumns } from './usage-rows';

/** Reserved for the answer when the client set no bound: what most models write at most without being asked for more. */
const DEFAULT_RESERVED_OUTPUT_TOKENS = 4_096;

/** The surer figure first: a request is as sure as its least sure attempt. */
const SOURCES: readonly UsageSource[] = ['provider', 'counted', 'reserved'];

export interface LedgerParts {
  readonly prices: PriceBook;
  readonly types: ProviderTypes;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** The attempts of one request: each is priced and on record before it is made, and on record when it has ended. */
export class UsageLedger implements AttemptLedger {
  private readonly meters: UsageMeter[] = [];
  private readonly who: WhoColumns;
  private readonly priceVersion: string;

  constructor(
    private readonly parts: LedgerParts,
    private readonly context: GatewayContext,
    identity: Identity,
  ) {
    this.who = whoColumns(identity);
    this.priceVersion = parts.prices.version;
  }

  /** Throws `UnpriceableError` (no price) or `OverloadedError` (no room for the record): then the call may not be made. */
  open(intent: AttemptIntent): Attempt {
    const { prices, types, journal, clock } = this.parts;
    const price = prices.quote({ ...intent, providerType: types.typeOf(intent.provider) });
    const startedAtMs = clock.now();
    const id = newId('att', startedAtMs);
    const target = { provider: intent.provider, model: intent.model };
    const row = inDoubtRow(
      {
        id,
        requestId: this.context.requestId,
        index: intent.index,
        target,
        startedAtMs,
        price,
        priceVersion: this.priceVersion,
        reserved: reservationOf(intent, price),
      },
      this.who,
    );
    const attempts = this.meters.length + 1;
    const request = interruptedRow(this.context, this.who, { ...this.totals(), attempts, target, source: 'reserved' });
    journal.intent(id, JSON.stringify({ attempt: row, request }));
    const meter = this.meterOf(intent, id, price, row);
    this.meters.push(meter);
    return meter;
  }

  cost(): NanoUsd {
    return this.meters.reduce((sum, meter) => sum + meter.cost(), 0n);
  }

  usage(): TokenUsage {
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
    let totals: AttemptTotals = { ...NO_ATTEMPTS, attempts: this.meters.length, priceVersion: this.priceVersion };
    for (const meter of this.meters) {
      const settlement = meter.settled();
      if (!settlement) continue;
      totals = {
        ...totals,
        target: meter.target,
        servedModel: settlement.outcome.servedModel ?? totals.servedModel,
        usage: sum(totals.usage, settlement.usage),
        costNanoUsd: totals.costNanoUsd + settlement.costNanoUsd,
        source: lessSure(totals.source, settlement.source),
      };
    }
    return totals;
  }

  private meterOf(intent: AttemptIntent, id: string, price: ModelPrice, row: AttemptRow): UsageMeter {
    return new UsageMeter({
      id,
      target: { provider: intent.provider, model: intent.model },
      price,
      monotonic: () => this.parts.clock.monotonic(),
      estimatedInputTokens: () => intent.request.estimatedInputTokens(),
      onSettled: (_meter, settlement) =>
        this.parts.journal.settle(id, JSON.stringify(settledRow(row, price, settlement))),
    });
  }
}

function reservationOf({ request }: AttemptIntent, price: ModelPrice): { usage: TokenUsage; costNanoUsd: NanoUsd } {
  const inputTokens = request.estimatedInputTokens();
  const maxOutputTokens = request.maxOutputTokens ?? DEFAULT_RESERVED_OUTPUT_TOKENS;
  return {
    usage: { ...NO_USAGE, inputTokens, outputTokens: maxOutputTokens * request.choices },
    costNanoUsd: worstCaseCost(price, inputTokens, maxOutputTokens, request.choices),
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
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  outputAudioTokens: a.outputAudioTokens + b.outputAudioTokens,
  webSearches: a.webSearches + b.webSearches,
});
