import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { NANO_PER_USD, type NanoUsd } from '../core/money';
import { MetricsRegistry } from '../platform/metrics/metrics';

/** How an answer was found: the same text, the same but for its surface, one in flight, a linked question's, or another's. */
export type CacheTier = 'exact' | 'canonical' | 'coalesced' | 'alias' | 'semantic';

/** Whether it is the answer to another question. */
export const isOthers = (tier: CacheTier): boolean => tier === 'semantic' || tier === 'alias';

/** Vectors of a provider, hits that were checked, near misses that were judged. */
export type CacheExpense = 'embeddings' | 'shadow' | 'judge';

export interface CacheCounts {
  readonly hits: Readonly<Record<CacheTier, number>>;
  readonly misses: number;
  readonly bypasses: number;
  /** Of the misses, those that an answer past its time stood in for. */
  readonly stale: number;
  readonly savedNanoUsd: NanoUsd;
  /** What the cache itself has spent with providers. */
  readonly spentNanoUsd: Readonly<Record<CacheExpense, NanoUsd>>;
  /** What came of near misses that were put to a judge. */
  readonly judged: Readonly<Record<string, number>>;
  readonly right: number;
  readonly wrong: number;
}

/** What the cache did in this process since it started, for Prometheus and for the management API. */
@Injectable()
export class CacheMetrics {
  private readonly requests: Counter;
  private readonly stale: Counter;
  private readonly answers: Counter;
  private readonly savedUsd: Counter;
  private readonly failures: Counter;
  private readonly verdicts: Counter;
  private readonly spent: Counter;
  private readonly comparisons: Counter;
  private readonly encodings: Counter;
  private readonly judgements: Counter;
  private readonly encodingSeconds: Histogram;
  private readonly hits: Record<CacheTier, number> = { exact: 0, canonical: 0, coalesced: 0, alias: 0, semantic: 0 };
  private misses = 0;
  private staleAnswers = 0;
  private bypasses = 0;
  private savedNanoUsd = 0n;
  private readonly spentNanoUsd: Record<CacheExpense, NanoUsd> = { embeddings: 0n, shadow: 0n, judge: 0n };
  private readonly judgedCounts = new Map<string, number>();
  private readonly feedback = { right: 0, wrong: 0 };

  constructor({ registry }: MetricsRegistry) {
    const registers = [registry];
    const counter = (name: string, help: string, ...labelNames: string[]): Counter =>
      new Counter({ name: `gateway_cache_${name}_total`, help, labelNames, registers });
    this.requests = counter(
      'requests',
      'Requests while the cache was on, by what became of them and by the tier that answered.',
      'tier',
      'outcome',
    );
    this.stale = counter(
      'stale_answers',
      'Misses that every provider failed and an answer past its time stood in for.',
    );
    this.answers = counter('answers', 'Answers of providers, by whether they were stored and else why not.', 'outcome');
    this.savedUsd = counter('saved_usd', 'What replayed answers cost when they were made.');
    this.failures = counter(
      'store_failures',
      'Calls of the store that failed or were not tried because it is away.',
      'operation',
    );
    this.verdicts = counter('feedback', 'Verdicts of callers on replayed answers.', 'verdict', 'tier');
    this.spent = counter('spent_usd', 'What the cache itself has spent with providers.', 'on');
    this.judgements = counter(
      'judgements',
      'Near misses that a judge was to be asked about, by what became of it.',
      'outcome',
    );
    this.comparisons = counter(
      'comparisons',
      'Questions that had no answer of their own or of the same words, by whether they waited for vectors to be compared.',
      'outcome',
    );
    this.encodings = counter(
      'encodings',
      'Prompts that were to be turned into vectors, by what became of it.',
      'outcome',
    );
    this.encodingSeconds = new Histogram({
      name: 'gateway_cache_encoding_seconds',
      help: 'How long the encoder took for a prompt, in time or not.',
      buckets: [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    });
  }

  hit(tier: CacheTier, savedNanoUsd: NanoUsd): void {
    this.hits[tier] += 1;
    this.requests.inc({ tier, outcome: 'hit' });
    this.saved(savedNanoUsd);
  }

  /** What a hit has saved, where that is known only later. */
  saved(savedNanoUsd: NanoUsd): void {
    this.savedNanoUsd += savedNanoUsd;
    this.savedUsd.inc(Number(savedNanoUsd) / Number(NANO_PER_USD));
  }

  miss(): void {
    this.misses += 1;
    this.requests.inc({ tier: 'none', outcome: 'miss' });
  }

  standIn(): void {
    this.staleAnswers += 1;
    this.stale.inc();
  }

  bypass(): void {
    this.bypasses += 1;
    this.requests.inc({ tier: 'none', outcome: 'bypass' });
  }

  answer(outcome: string): void {
    this.answers.inc({ outcome });
  }

  failure(operation: 'find' | 'take' | 'put' | 'search' | 'index' | 'lease' | 'count'): void {
    this.failures.inc({ operation });
  }

  compared(outcome: 'waited' | 'at_hand' | 'ruled_out'): void {
    this.comparisons.inc({ outcome });
  }

  encoding(outcome: string): void {
    this.encodings.inc({ outcome });
  }

  spend(on: CacheExpense, cost: NanoUsd): void {
    this.spentNanoUsd[on] += cost;
    this.spent.inc({ on }, Number(cost) / Number(NANO_PER_USD));
  }

  judged(outcome: string): void {
    this.judgedCounts.set(outcome, (this.judgedCounts.get(outcome) ?? 0) + 1);
    this.judgements.inc({ outcome });
  }

  encodingTook(milliseconds: number): void {
    this.encodingSeconds.observe(milliseconds / 1000);
  }

  verdict(verdict: 'right' | 'wrong', tier: CacheTier): void {
    this.feedback[verdict] += 1;
    this.verdicts.inc({ verdict, tier });
  }

  counts(): CacheCounts {
    const { misses, bypasses, savedNanoUsd, staleAnswers: stale } = this;
    const spentNanoUsd = { ...this.spentNanoUsd };
    const judged = Object.fromEntries(this.judgedCounts);
    return { hits: { ...this.hits }, misses, bypasses, stale, savedNanoUsd, spentNanoUsd, judged, ...this.feedback };
  }
}
