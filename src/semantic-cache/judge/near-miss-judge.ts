import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { GatewayContext, Identity } from '../../core/context';
import { Clock } from '../../platform/clock';
import type { CacheEntry } from '../answers/cache-entry';
import { compareAnswers } from '../answers/compare-answers';
import type { Asked } from '../asked';
import { CacheMetrics } from '../cache.metrics';
import { SimilarQuestions } from '../similar-questions';
import { CacheStore, LINKED_MS, type QuestionLink } from '../store/cache.store';
import { Judge, type Judged, type WhyNotAsked } from './judge';
import type { Judgement } from './judge-question';

/** Misses that wait for their turn; beyond it a miss is let go. */
const MAX_WAITING = 100;
/** Pairs that are known to be two questions, so that nobody is asked twice. */
const MAX_KNOWN = 10_000;

/** A miss that was answered by a provider. */
interface Miss {
  readonly identity: Identity;
  readonly requestId: string;
  readonly asked: Asked;
  readonly made: CacheEntry;
}

/** A question near to it, with what was answered to that. */
interface Near {
  readonly entry: CacheEntry;
  readonly similarity: number;
}

/** What came of a miss. */
type JudgeOutcome = Judgement | WhyNotAsked;

/**
 * Asks a model, after the fact, whether a miss and a stored question near to it are one question, and links the two when it
 * says so: from then on the one gets the other's answer. It is asked only about pairs that nothing but their words keeps
 * apart: what the guard finds in numbers, negations, names and the like, no judge can overrule. One call at a time, within
 * a budget a day and replica.
 */
@Injectable()
export class NearMissJudge implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Cache');
  private readonly waiting: Miss[] = [];
  private readonly known = new Set<string>();
  private isAtWork = false;

  constructor(
    private readonly judge: Judge,
    private readonly similar: SimilarQuestions,
    private readonly store: CacheStore,
    private readonly metrics: CacheMetrics,
    private readonly clock: Clock,
  ) {}

  /** Looks into a miss when there is time; nobody waits for it. */
  consider({ identity, requestId }: GatewayContext, asked: Asked, made: CacheEntry): void {
    if (!asked.followsLinks || asked.words === null || !identity) return;
    if (this.waiting.length >= MAX_WAITING) return this.metrics.judged('crowded');
    this.waiting.push({ identity, requestId, asked, made });
    if (!this.isAtWork) void this.work();
  }

  /** What waits is let go: a gateway that stops begins nothing. */
  beforeApplicationShutdown(): void {
    this.waiting.length = 0;
  }

  private async work(): Promise<void> {
    this.isAtWork = true;
    for (let miss = this.waiting.shift(); miss; miss = this.waiting.shift()) {
      try {
        const outcome = await this.judgeMiss(miss);
        if (outcome !== null) this.metrics.judged(outcome);
      } catch (error) {
        this.metrics.judged('failed');
        this.logger.warn(`A near miss could not be judged: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.isAtWork = false;
  }

  /** Null when there is nothing to judge. */
  private async judgeMiss(miss: Miss): Promise<JudgeOutcome | null> {
    const near = await this.nearest(miss);
    if (!near) return null;
    const why = this.judge.whyNot();
    if (why !== null) return why;
    const { identity, asked, made } = miss;
    const { judgement, ...by } = await this.judge.ask(identity, {
      questions: [near.entry.text ?? '', asked.print.text ?? ''],
      answers: [near.entry.answer, made.answer],
    });
    if (judgement === 'same') await this.link(miss, near, by);
    else this.refuse(asked.print.id, near.entry.id);
    return judgement;
  }

  /** The nearest question that was not judged before and whose answer is there and no other one. */
  private async nearest({ asked, made }: Miss): Promise<Near | null> {
    const { id, partition } = asked.print;
    const candidates = await this.similar.nearMisses(asked, this.judge.minSimilarity);
    for (const { entryId, similarity } of candidates) {
      if (entryId === id || this.known.has(pairOf(id, entryId))) continue;
      const entry = await this.store.take(entryId, id);
      if (entry?.partition !== partition) continue;
      if (compareAnswers(entry.answer, made.answer) !== 'wrong') return { entry, similarity };
      // Cheaper than a judge, and as good where it is sure.
      this.metrics.judged('other_answer');
      this.refuse(id, entryId);
    }
    return null;
  }

  /** Both ways: whichever answer is there serves both. */
  private async link(miss: Miss, near: Near, by: Omit<Judged, 'judgement'>): Promise<void> {
    const { scope, print, request } = miss.asked;
    const now = this.clock.now();
    const facts: Omit<QuestionLink, 'id' | 'entryId'> = {
      scope,
      requestedModel: request.model,
      similarity: near.similarity,
      judge: by.judge,
      requestId: miss.requestId,
      judgeRequestId: by.requestId,
      createdAtMs: now,
      expiresAtMs: now + LINKED_MS,
    };
    await this.store.link({ ...facts, id: print.id, entryId: near.entry.id });
    await this.store.link({ ...facts, id: near.entry.id, entryId: print.id });
    this.logger.log(`${by.judge} has found questions ${print.id} and ${near.entry.id} to be one (${by.requestId})`);
  }

  private refuse(one: string, other: string): void {
    this.known.add(pairOf(one, other));
    const [oldest] = this.known;
    if (this.known.size > MAX_KNOWN && oldest !== undefined) this.known.delete(oldest);
  }
}

const pairOf = (one: string, other: string): string => [one, other].sort().join(' ');
