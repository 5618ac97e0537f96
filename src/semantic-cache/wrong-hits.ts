import { Injectable } from '@nestjs/common';
import type { Identity } from '../core/context';
import { Clock } from '../platform/clock';
import type { HitRecord } from './hit-book';
import { SimilarQuestions } from './similar-questions';
import { CacheStore } from './store/cache.store';

/** Sees to it that a wrong answer to another question is not given again. */
@Injectable()
export class WrongHits {
  constructor(
    private readonly store: CacheStore,
    private readonly similar: SimilarQuestions,
    private readonly clock: Clock,
  ) {}

  /**
   * The two questions are no longer linked, do not stand in for any other for thirty days, and near them more likeness is
   * asked for than that hit had. On account of who has found out. Rejects when the store is away.
   */
  async keepApart({ entryId, askedId, similarity }: HitRecord, identity: Identity): Promise<void> {
    const { entry } = await this.store.find(entryId, null);
    const text = entry?.text ?? null;
    const near = entry && text !== null ? { partition: entry.partition, scope: entry.scope, text, identity } : null;
    if (near) await this.similar.tighten(near, similarity, this.clock.now());
    const both = [entryId, askedId];
    await Promise.all(both.flatMap((id) => [this.store.bar(id), this.store.unlink(id)]));
  }
}
