import { Injectable } from '@nestjs/common';
import type { Identity } from '../core/context';
import type { NanoUsd } from '../core/money';
import type { Page, PageRequest } from '../core/page';
import { Clock } from '../platform/clock';
import type { CacheEntryView } from './answers/cache-entry';
import { CacheOutcomes } from './cache-outcomes';
import { CacheQuestions } from './cache-questions';
import { CACHE_SCOPES, type CacheConfig } from './cache.config';
import type { CacheCounts } from './cache.metrics';
import { scopeOf } from './fingerprint';
import type { HitRecord } from './hit-book';
import type { PrecisionRow } from './shadow-sampling';
import { SimilarQuestions } from './similar-questions';
import type { VectorSize } from './store/vector-index';
import { CacheStore, type EntryFilter, type StoreSize } from './store/cache.store';

export interface CacheOverview {
  readonly config: CacheConfig;
  readonly counts: CacheCounts;
  readonly size: StoreSize;
  /** Questions that can be found by their likeness. */
  readonly vectors: VectorSize;
  /** Semantic hits that were checked, by team and model. */
  readonly checked: readonly PrecisionRow[];
  readonly shadowNanoUsd: NanoUsd;
  /** Since when this process has counted. */
  readonly sinceMs: number;
}

export type HitVerdict = 'right' | 'wrong';

/** What people do with the cache: look into it, empty it, and say that an answer was wrong. Rejects when the store is away. */
@Injectable()
export class CacheAdministration {
  private readonly sinceMs: number;

  constructor(
    private readonly store: CacheStore,
    private readonly similar: SimilarQuestions,
    private readonly outcomes: CacheOutcomes,
    private readonly questions: CacheQuestions,
    private readonly clock: Clock,
  ) {
    this.sinceMs = clock.now();
  }

  async overview(): Promise<CacheOverview> {
    const size = await this.store.size();
    const { metrics, shadow } = this.outcomes;
    return {
      size,
      config: this.questions.config,
      counts: metrics.counts(),
      vectors: this.similar.size(),
      checked: shadow.rows,
      shadowNanoUsd: shadow.spentNanoUsd,
      sinceMs: this.sinceMs,
    };
  }

  entries(page: PageRequest): Promise<Page<CacheEntryView>> {
    return this.store.list(page);
  }

  async remove(id: string): Promise<boolean> {
    await this.similar.forget(id);
    return this.store.remove(id);
  }

  removeWhere(filter: EntryFilter): Promise<number> {
    return this.store.removeWhere(filter);
  }

  async flush(): Promise<void> {
    await this.similar.clear();
    await this.store.flush();
  }

  /** The hit this process gave to a request; null when it gave none, or too long ago. */
  hitOf(requestId: string): HitRecord | null {
    return this.outcomes.hits.of(requestId);
  }

  /** Whether the caller is among those who share the answer. */
  sharesHit(identity: Identity, { scope }: HitRecord): boolean {
    return CACHE_SCOPES.some((kind) => scopeOf(identity, kind) === scope);
  }

  /**
   * A wrong answer is evicted. When it was the answer to another question, that question and this one are kept from
   * standing in for others for thirty days, and near it more likeness is asked for than that answer had.
   */
  async judge(hit: HitRecord, verdict: HitVerdict): Promise<void> {
    this.outcomes.metrics.verdict(verdict, hit.tier);
    if (verdict === 'right') return;
    if (hit.tier === 'semantic') await this.keepApart(hit);
    await this.remove(hit.entryId);
  }

  private async keepApart({ entryId, askedId, similarity }: HitRecord): Promise<void> {
    const { entry } = await this.store.find(entryId, null);
    const { partition, text } = entry ?? { partition: '', text: null };
    if (text !== null) await this.similar.tighten({ partition, text }, similarity, this.clock.now());
    await Promise.all([this.store.bar(entryId), this.store.bar(askedId)]);
  }
}
