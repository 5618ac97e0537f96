import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { NANO_PER_USD, type NanoUsd } from '../core/money';
import { MetricsRegistry } from '../platform/metrics/metrics';

/** How an answer was found: the same text, the same but for its surface, one in flight, or another question's. */
export type CacheTier = 'exact' | 'canonical' | 'coalesced' | 'semantic';

export interface CacheCounts {
  readonly hits: Readonly<Record<CacheTier, number>>;
  readonly misses: number;
  readonly bypasses: number;
  readonly savedNanoUsd: NanoUsd;
  /** What vectors of a provider have cost. */
  readonly embeddingNanoUsd: NanoUsd;
  readonly right: number;
  readonly wrong: number;
}

/** What the cache did in this process since it started, for Prometheus and for the management API. */
@Injectable()
export class CacheMetrics {
  private readonly requests: Counter;
  private readonly answers: Counter;
  private readonly saved: Counter;
  private readonly failures: Counter;
  private readonly verdicts: Counter;
  private readonly spent: Counter;
  private readonly encodings: Counter;
  private readonly encodingSeconds: Histogram;
  private readonly hits: Record<CacheTier, number> = { exact: 0, canonical: 0, coalesced: 0, semantic: 0 };
  private misses = 0;
  private bypasses = 0;
  private savedNanoUsd = 0n;
  private embeddingNanoUsd = 0n;
  private readonly feedback = { right: 0, wrong: 0 };

  constructor({ registry }: MetricsRegistry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'gateway_cache_requests_total',
      help: 'Requests while the cache was on, by what became of them and by the tier that answered.',
      labelNames: ['tier', 'outcome'],
      registers,
    });
    this.answers = new Counter({
      name: 'gateway_cache_answers_total',
      help: 'Answers of providers, by whether they were stored and else why not.',
      labelNames: ['outcome'],
      registers,
    });
    this.saved = new Counter({
      name: 'gateway_cache_saved_usd_total',
      help: 'What replayed answers cost when they were made.',
      registers,
    });
    this.failures = new Counter({
      name: 'gateway_cache_store_failures_total',
      help: 'Calls of the store that failed or were not tried because it is away.',
      labelNames: ['operation'],
      registers,
    });
    this.verdicts = new Counter({
      name: 'gateway_cache_feedback_total',
      help: 'Verdicts of callers on replayed answers.',
      labelNames: ['verdict', 'tier'],
      registers,
    });
    this.spent = new Counter({
      name: 'gateway_cache_spent_usd_total',
      help: 'What the cache itself has spent with providers.',
      labelNames: ['on'],
      registers,
    });
    this.encodings = new Counter({
      name: 'gateway_cache_encodings_total',
      help: 'Prompts that were to be turned into vectors, by what became of it.',
      labelNames: ['outcome'],
      registers,
    });
    this.encodingSeconds = new Histogram({
      name: 'gateway_cache_encoding_seconds',
      help: 'How long the encoder took for a prompt, in time or not.',
      buckets: [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    });
  }

  hit(tier: CacheTier, savedNanoUsd: NanoUsd): void {
    this.hits[tier] += 1;
    this.savedNanoUsd += savedNanoUsd;
    this.requests.inc({ tier, outcome: 'hit' });
    this.saved.inc(Number(savedNanoUsd) / Number(NANO_PER_USD));
  }

  miss(): void {
    this.misses += 1;
    this.requests.inc({ tier: 'none', outcome: 'miss' });
  }

  bypass(): void {
    this.bypasses += 1;
    this.requests.inc({ tier: 'none', outcome: 'bypass' });
  }

  answer(outcome: string): void {
    this.answers.inc({ outcome });
  }

  failure(operation: 'find' | 'take' | 'put' | 'search' | 'index' | 'lease'): void {
    this.failures.inc({ operation });
  }

  encoding(outcome: string): void {
    this.encodings.inc({ outcome });
  }

  encodingCost(cost: NanoUsd): void {
    this.embeddingNanoUsd += cost;
    this.spent.inc({ on: 'embeddings' }, Number(cost) / Number(NANO_PER_USD));
  }

  encodingTook(milliseconds: number): void {
    this.encodingSeconds.observe(milliseconds / 1000);
  }

  verdict(verdict: 'right' | 'wrong', tier: CacheTier): void {
    this.feedback[verdict] += 1;
    this.verdicts.inc({ verdict, tier });
  }

  counts(): CacheCounts {
    const { misses, bypasses, savedNanoUsd, embeddingNanoUsd } = this;
    return { hits: { ...this.hits }, misses, bypasses, savedNanoUsd, embeddingNanoUsd, ...this.feedback };
  }
}
