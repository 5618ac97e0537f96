import { Injectable } from '@nestjs/common';
import type { Identity } from '../core/context';
import type { Page, PageRequest } from '../core/page';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import type { CacheEntryView } from './answers/cache-entry';
import { CACHE_SCOPES, CacheConfig } from './cache.config';
import { CacheMetrics, type CacheCounts } from './cache.metrics';
import { CacheService } from './cache.service';
import { scopeOf } from './fingerprint';
import type { HitRecord } from './hit-book';
import { CacheStore, type EntryFilter, type StoreSize } from './store/cache.store';

export interface CacheOverview {
  readonly config: CacheConfig;
  readonly counts: CacheCounts;
  readonly size: StoreSize;
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
    private readonly cache: CacheService,
    private readonly metrics: CacheMetrics,
    private readonly config: LiveConfig,
    clock: Clock,
  ) {
    this.sinceMs = clock.now();
  }

  async overview(): Promise<CacheOverview> {
    const size = await this.store.size();
    return { config: this.config.section(CacheConfig), counts: this.metrics.counts(), size, sinceMs: this.sinceMs };
  }

  entries(page: PageRequest): Promise<Page<CacheEntryView>> {
    return this.store.list(page);
  }

  remove(id: string): Promise<boolean> {
    return this.store.remove(id);
  }

  removeWhere(filter: EntryFilter): Promise<number> {
    return this.store.removeWhere(filter);
  }

  flush(): Promise<void> {
    return this.store.flush();
  }

  /** The hit this process gave to a request; null when it gave none, or too long ago. */
  hitOf(requestId: string): HitRecord | null {
    return this.cache.hits.of(requestId);
  }

  /** Whether the caller is among those who share the answer. */
  sharesHit(identity: Identity, { scope }: HitRecord): boolean {
    return CACHE_SCOPES.some((kind) => scopeOf(identity, kind) === scope);
  }

  /**
   * A wrong answer is evicted. When it was the answer to another question, that question and this one are kept from
   * standing in for others for thirty days.
   */
  async judge(hit: HitRecord, verdict: HitVerdict): Promise<void> {
    this.metrics.verdict(verdict, hit.tier);
    if (verdict === 'right') return;
    if (hit.tier === 'semantic') await Promise.all([this.store.bar(hit.entryId), this.store.bar(hit.askedId)]);
    await this.store.remove(hit.entryId);
  }
}
