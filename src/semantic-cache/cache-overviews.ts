import { Injectable } from '@nestjs/common';
import { CacheQuestions } from './cache-questions';
import type { CacheConfig } from './cache.config';
import { HourlyCounts, type CountedHours } from './hourly-counts';
import { SimilarQuestions } from './similar-questions';
import { CacheStore, type StoreSize } from './store/cache.store';
import { KEPT_HOURS } from './store/count.store';
import type { VectorSize } from './store/vector-index';

export interface CacheOverview extends CountedHours {
  readonly config: CacheConfig;
  readonly size: StoreSize;
  /** Questions that can be found by their likeness. */
  readonly vectors: VectorSize;
}

/** How the cache does. */
@Injectable()
export class CacheOverviews {
  constructor(
    private readonly store: CacheStore,
    private readonly similar: SimilarQuestions,
    private readonly questions: CacheQuestions,
    private readonly hourly: HourlyCounts,
  ) {}

  /** What it holds, and what it has done in the last hours. Rejects when the store is away. */
  async overview(hours = KEPT_HOURS): Promise<CacheOverview> {
    const [size, vectors, counted] = await Promise.all([
      this.store.size(),
      this.similar.size(),
      this.hourly.last(hours),
    ]);
    return { size, config: this.questions.config, vectors, ...counted };
  }
}
