import type { Attempt, AttemptOutcome, TargetName } from '../core/context';
import type { NanoUsd } from '../core/money';
import type { StreamEvent } from '../core/reply';
import { estimateTokens, NO_USAGE, plainUsage, type TokenUsage, type UsageSource } from '../core/tokens';
import { costOf, type ModelPrice } from './model-price';

/** Text held for counting; beyond it the text becomes its count. */
const MAX_HELD_TEXT = 256 * 1024;

export interface MeterFields {
  readonly id: string;
  readonly target: TargetName;
  readonly price: ModelPrice;
  /** What must be sent to the provider as the bound on the answer; null: what the client set stands. */
  readonly maxOutputTokens?: number | null;
  /** What was reserved under a hard budget; null: nothing was. */
  readonly reservedNanoUsd?: NanoUsd | null;
  /** The dearer service tier that was asked for: it is charged when the provider does not say how it served. */
  readonly askedServiceTier?: string | undefined;
  readonly monotonic: () => number;
  readonly estimatedInputTokens: () => number;
  readonly onSettled: (meter: UsageMeter, settlement: Settlement) => void;
}

/** Text after which it is looked again whether a running attempt costs more than was reserved. */
const LOOK_EVERY = 1_024;
/** A count of an odd text may be nearly twice the provider's: only what is beyond that is surely more than was reserved. */
const COUNT_SLACK = 2n;

/** How an attempt ended. */
export interface Settlement {
  readonly outcome: AttemptOutcome;
  readonly usage: TokenUsage;
  readonly source: UsageSource;
  readonly costNanoUsd: NanoUsd;
  readonly latencyMs: number;
  readonly ttfbMs: number | null;
}

/** What one attempt uses: the provider's figures as they pass, and a count of the text for when it never says. */
export class UsageMeter implements Attempt {
  readonly id: string;
  readonly target: TargetName;
  readonly price: ModelPrice;
  readonly maxOutputTokens: number | null;
  private readonly startedMs: number;
  private firstContentMs: number | null = null;
  private usage: TokenUsage | null = null;
  private isUsageFinal = false;
  private text = '';
  private foldedTokens = 0;
  private unlookedLength = 0;
  private settlement: Settlement | null = null;

  constructor(private readonly fields: MeterFields) {
    this.id = fields.id;
    this.target = fields.target;
    this.price = fields.price;
    this.maxOutputTokens = fields.maxOutputTokens ?? null;
    this.startedMs = fields.monotonic();
  }

  observe(event: StreamEvent): void {
    if (this.settlement) return;
    if (event.kind === 'content') this.firstContentMs ??= this.fields.monotonic();
    if (event.usage) {
      this.usage = event.usage;
      this.isUsageFinal ||= event.kind === 'usage' || event.kind === 'end' || event.finish !== null;
    }
    if (event.text === '') return;
    this.text += event.text;
    this.unlookedLength += event.text.length;
    if (this.text.length > MAX_HELD_TEXT) this.fold();
  }

  /** The first call counts. The journal has the record when it returns. */
  settle(outcome: AttemptOutcome): void {
    if (this.settlement) return;
    const { usage: told, source } = this.figures(outcome);
    const usage = this.inServiceTier(told);
    const now = this.fields.monotonic();
    this.settlement = {
      outcome,
      usage,
      source,
      costNanoUsd: usage === NO_USAGE ? 0n : costOf(this.price, usage),
      latencyMs: now - this.startedMs,
      ttfbMs: this.firstContentMs === null ? null : this.firstContentMs - this.startedMs,
    };
    this.text = '';
    this.fields.onSettled(this, this.settlement);
  }

  cost(): NanoUsd {
    if (this.settlement) return this.settlement.costNanoUsd;
    if (this.usage) return costOf(this.price, this.inServiceTier(this.atLeastCounted(this.usage)));
    const outputTokens = this.countedTokens();
    return outputTokens === 0 ? 0n : costOf(this.price, this.inServiceTier(this.counted(outputTokens)));
  }

  isOverrun(): boolean {
    const reserved = this.fields.reservedNanoUsd ?? null;
    if (reserved === null) return false;
    if (this.settlement) return this.settlement.costNanoUsd > reserved;
    if (this.usage && costOf(this.price, this.inServiceTier(this.usage)) > reserved) return true;
    if (this.unlookedLength < LOOK_EVERY) return false;
    this.unlookedLength = 0;
    const counted = this.inServiceTier(this.counted(this.countedTokens()));
    return costOf(this.price, counted) > reserved * COUNT_SLACK;
  }

  settled(): Settlement | null {
    return this.settlement;
  }

  private inServiceTier(usage: TokenUsage): TokenUsage {
    const { askedServiceTier } = this.fields;
    if (askedServiceTier === undefined || usage.serviceTier !== undefined || usage === NO_USAGE) return usage;
    return { ...usage, serviceTier: askedServiceTier };
  }

  private figures(outcome: AttemptOutcome): { usage: TokenUsage; source: UsageSource } {
    const known = outcome.usage ?? this.usage;
    if (known) {
      // Figures from the middle of a broken stream say less than what was seen to arrive.
      const isFinal = outcome.status === 'succeeded' || this.isUsageFinal;
      const usage = isFinal ? known : this.atLeastCounted(known);
      return { usage, source: usage === known ? 'provider' : 'counted' };
    }
    const outputTokens = this.countedTokens();
    const isFree = outputTokens === 0 && !outcome.billable && outcome.status !== 'succeeded';
    return { usage: isFree ? NO_USAGE : this.counted(outputTokens), source: 'counted' };
  }

  private atLeastCounted(usage: TokenUsage): TokenUsage {
    if (this.isUsageFinal) return usage;
    const outputTokens = this.countedTokens();
    return outputTokens > usage.outputTokens ? { ...usage, outputTokens } : usage;
  }

  private counted(outputTokens: number): TokenUsage {
    return plainUsage(this.fields.estimatedInputTokens(), outputTokens);
  }

  private countedTokens(): number {
    return this.foldedTokens + (this.text === '' ? 0 : estimateTokens(this.text));
  }

  private fold(): void {
    this.foldedTokens += estimateTokens(this.text);
    this.text = '';
  }
}
