import { Injectable } from '@nestjs/common';
import type { Identity } from '../../core/context';
import type { NanoUsd } from '../../core/money';
import { OwnCalls } from '../../core/own-calls';
import { Clock } from '../../platform/clock';
import { CacheQuestions } from '../cache-questions';
import { CacheMetrics } from '../cache.metrics';
import { DailyBudget } from '../daily-budget';
import { JudgePrices } from './judge-prices';
import { judgeBody, judgementOf, type Judgement, type Pair } from './judge-question';

export type WhyNotAsked = 'no_budget' | 'unpriced';

export interface Judged {
  readonly judgement: Judgement;
  /** `provider/model`. */
  readonly judge: string;
  /** Of the call, which has its record. */
  readonly requestId: string;
}

/** The model that says whether two questions are one, within its budget a day. */
@Injectable()
export class Judge {
  private readonly budget: DailyBudget;

  constructor(
    private readonly calls: OwnCalls,
    private readonly questions: CacheQuestions,
    private readonly prices: JudgePrices,
    private readonly metrics: CacheMetrics,
    clock: Clock,
  ) {
    this.budget = new DailyBudget(clock);
  }

  get minSimilarity(): number {
    return this.questions.config.judge.min_similarity;
  }

  /** Null when it may be asked. */
  whyNot(): WhyNotAsked | null {
    const { model = '', budget_usd_per_day: budget } = this.questions.config.judge;
    if (!this.prices.isKnown(model)) return 'unpriced';
    return this.budget.hasRoom(budget) ? null : 'no_budget';
  }

  /** On account of `identity`. Rejects when the model does not answer in time, or may not be called. */
  async ask(identity: Identity, pair: Pair): Promise<Judged> {
    const { model = '', timeout: timeoutMs } = this.questions.config.judge;
    const body = judgeBody(model, pair);
    const onCost = (cost: NanoUsd): void => {
      this.budget.spend(cost);
      this.metrics.spend('judge', cost);
    };
    const call = { identity, purpose: 'cache.judge', body, timeoutMs, onCost };
    const { reply, requestId, served } = await this.calls.chat(call);
    return { judgement: judgementOf(reply), judge: `${served.provider}/${served.model}`, requestId };
  }
}
