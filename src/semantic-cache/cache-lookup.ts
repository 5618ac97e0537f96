import { Injectable } from '@nestjs/common';
import type { GatewayContext } from '../core/context';
import { Clock } from '../platform/clock';
import type { CacheEntry } from './answers/cache-entry';
import { choose, isUsable, type Asked, type Match } from './asked';
import { SimilarQuestions } from './similar-questions';
import { PatientStore } from './store/patient-store';

/** What may be given now, and what only when every provider fails. */
export interface Looked {
  readonly match: Match | null;
  readonly stale: CacheEntry | null;
}

/** Finds the answer that will do, and puts on record what was near and why it will not. */
@Injectable()
export class CacheLookup {
  constructor(
    private readonly store: PatientStore,
    private readonly similar: SimilarQuestions,
    private readonly clock: Clock,
  ) {}

  /** Whether finding calls no provider. */
  get isFree(): boolean {
    return this.similar.isFree;
  }

  /** `away` when the store does not answer. Without `mayLookFurther` only questions of the same words are looked at. */
  async find(context: GatewayContext, asked: Asked, mayLookFurther = true): Promise<Looked | 'away'> {
    const found = await this.store.find(asked.print.id, asked.words);
    if (found === null) return 'away';
    const { match, stale, refused } = choose(found, asked, this.clock.now());
    for (const { entryId, similarity, reasons } of refused) {
      context.decide('cache', 'refused', { entry: entryId, similarity, reasons });
    }
    return { match: match ?? (mayLookFurther ? await this.findSimilar(context, asked) : null), stale };
  }

  /** Among questions in other words, where the mode allows it. */
  private async findSimilar(context: GatewayContext, asked: Asked): Promise<Match | null> {
    const { candidates, why } = await this.similar.look(asked);
    if (why !== null) context.decide('cache', 'not_compared', { why });
    for (const { entryId, similarity, reasons } of candidates) {
      if (reasons.length > 0) {
        context.decide('cache', 'refused', { entry: entryId, similarity, reasons });
        continue;
      }
      const entry = await this.store.take(entryId, asked.print.id);
      if (entry && isUsable(entry, asked, this.clock.now())) return { entry, tier: 'semantic', similarity };
      context.decide('cache', 'refused', { entry: entryId, similarity, reasons: [entry ? 'unusable' : 'gone'] });
    }
    return null;
  }
}
