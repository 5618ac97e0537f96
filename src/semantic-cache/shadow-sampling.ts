import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import type { GatewayContext } from '../core/context';
import { NANO_PER_USD } from '../core/money';
import { Clock } from '../platform/clock';
import { MetricsRegistry } from '../platform/metrics/metrics';
import { compareAnswers, type AnswerVerdict } from './answers/compare-answers';
import type { CacheEntry } from './answers/cache-entry';
import type { Asked, Match } from './asked';
import { CacheQuestions } from './cache-questions';
import { CacheMetrics, isOthers } from './cache.metrics';
import { DailyBudget } from './daily-budget';
import { wilsonInterval } from './wilson';
import { WrongHits } from './wrong-hits';

/** Teams and models that are told apart; beyond it the rest counts together. */
const MAX_ROWS = 500;

export interface PrecisionRow {
  readonly teamId: string;
  readonly model: string;
  readonly right: number;
  readonly wrong: number;
  /** Compared, without a clear result. */
  readonly unsure: number;
}

/**
 * Measures how often another question's answer is wrong: of a share of the hits the provider is asked all the same, its
 * answer is given, and the stored one is compared with it. What that costs is bounded by a budget of its own a day and
 * replica; without one nothing is sampled.
 */
@Injectable()
export class ShadowSampling {
  private readonly counts = new Map<string, { -readonly [Field in keyof PrecisionRow]: PrecisionRow[Field] }>();
  private readonly rate: Gauge;
  private readonly checks: Counter;
  private readonly budget: DailyBudget;

  constructor(
    private readonly questions: CacheQuestions,
    private readonly wrongHits: WrongHits,
    private readonly metrics: CacheMetrics,
    clock: Clock,
    { registry }: MetricsRegistry,
  ) {
    this.budget = new DailyBudget(clock);
    this.rate = new Gauge({
      name: 'gateway_cache_false_hit_rate',
      help: 'Share of sampled semantic hits whose answer was another than the provider gave, with its 95 % interval.',
      labelNames: ['team', 'model', 'bound'],
      aggregator: 'average',
      registers: [registry],
    });
    this.checks = new Counter({
      name: 'gateway_cache_checks_total',
      help: 'Semantic hits that were checked against a new answer of the provider, by what came of it.',
      labelNames: ['team', 'model', 'verdict'],
      registers: [registry],
    });
  }

  get rows(): readonly PrecisionRow[] {
    return [...this.counts.values()];
  }

  /** Whether this hit is to be checked instead of given. */
  wants({ tier }: Match): boolean {
    const { share, budget_usd_per_day: budget } = this.questions.config.shadow;
    return isOthers(tier) && this.budget.hasRoom(budget) && Math.random() < share;
  }

  /** Whatever becomes of a check, what its request has cost in the end is charged to the budget. */
  charge(context: GatewayContext): void {
    context.defer(() => {
      const cost = context.attempts?.cost() ?? 0n;
      this.budget.spend(cost);
      this.metrics.spend('shadow', cost);
    });
  }

  /** The provider has answered what the stored answer was checked for. What was wrong is kept from happening again. */
  compare(context: GatewayContext, { print, scope, identity }: Asked, match: Match, made: CacheEntry): void {
    const { entry: stored, tier, similarity } = match;
    const cost = context.attempts?.cost() ?? 0n;
    const verdict = compareAnswers(stored.answer, made.answer);
    const hit = { entryId: stored.id, askedId: print.id, scope, tier, similarity };
    if (verdict === 'wrong') this.wrongHits.keepApart(hit, identity).catch(() => this.metrics.failure('put'));
    context.decide('cache', 'shadow', { entry: stored.id, verdict, cost_usd: Number(cost) / Number(NANO_PER_USD) });
    this.note(identity.teamId, made.requestedModel, verdict);
  }

  private note(teamId: string, model: string, verdict: AnswerVerdict): void {
    const isKnown = this.counts.has(`${teamId} ${model}`) || this.counts.size < MAX_ROWS;
    const [team, name] = isKnown ? [teamId, model] : ['other', 'other'];
    const key = `${team} ${name}`;
    const row = this.counts.get(key) ?? { teamId: team, model: name, right: 0, wrong: 0, unsure: 0 };
    row[verdict] += 1;
    this.checks.inc({ team, model: name, verdict });
    this.counts.set(key, row);
    const judged = row.right + row.wrong;
    const interval = wilsonInterval(row.wrong, judged);
    if (!interval) return;
    const bounds = { low: interval[0], estimate: row.wrong / judged, high: interval[1] };
    for (const [bound, value] of Object.entries(bounds)) this.rate.set({ team, model: name, bound }, value);
  }
}
