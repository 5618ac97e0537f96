import { Injectable } from '@nestjs/common';
import type { Identity } from '../core/context';
import type { Page, PageRequest } from '../core/page';
import type { CacheEntryView } from './answers/cache-entry';
import { CacheOutcomes } from './cache-outcomes';
import { CACHE_SCOPES } from './cache.config';
import { isOthers } from './cache.metrics';
import { scopeOf } from './fingerprint';
import type { HitRecord } from './hit-book';
import { SimilarQuestions } from './similar-questions';
import { CacheStore, type EntryFilter, type QuestionLink } from './store/cache.store';
import { WrongHits } from './wrong-hits';

export type HitVerdict = 'right' | 'wrong';

/** What people do with the cache: look into it, empty it, and say that an answer was wrong. Rejects when the store is away. */
@Injectable()
export class CacheAdministration {
  constructor(
    private readonly store: CacheStore,
    private readonly similar: SimilarQuestions,
    private readonly outcomes: CacheOutcomes,
    private readonly wrongHits: WrongHits,
  ) {}

  entries(page: PageRequest): Promise<Page<CacheEntryView>> {
    return this.store.list(page);
  }

  /** Questions that a judge has found to be one, the links that last longest first. */
  links(page: PageRequest): Promise<Page<QuestionLink>> {
    return this.store.links(page);
  }

  /** From now on the question gets no answer but its own; the other one of the pair may still get this one's. */
  unlink(id: string): Promise<boolean> {
    return this.store.unlink(id);
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
   * standing in for others for thirty days, and near it more likeness is asked for than that answer had. `identity` is
   * whose verdict it is.
   */
  async judge(identity: Identity, hit: HitRecord, verdict: HitVerdict): Promise<void> {
    this.outcomes.metrics.verdict(verdict, hit.tier);
    if (verdict === 'right') return;
    if (isOthers(hit.tier)) await this.wrongHits.keepApart(hit, identity);
    await this.remove(hit.entryId);
  }
}
