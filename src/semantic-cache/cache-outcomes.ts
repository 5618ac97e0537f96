import { Injectable } from '@nestjs/common';
import type { CacheStatus, GatewayContext } from '../core/context';
import type { ChatReply } from '../core/reply';
import { Clock } from '../platform/clock';
import { replay } from './answers/replay';
import type { Asked, Match } from './asked';
import { CacheMetrics, type CacheTier } from './cache.metrics';
import { HitBook } from './hit-book';
import { ShadowSampling } from './shadow-sampling';

/** Says in context, metrics and trace what the cache did with a request. */
@Injectable()
export class CacheOutcomes {
  readonly hits = new HitBook();

  constructor(
    readonly metrics: CacheMetrics,
    readonly shadow: ShadowSampling,
    private readonly clock: Clock,
  ) {}

  /** The stored answer as the client wants it. */
  hit(context: GatewayContext, asked: Asked, { entry, tier, similarity }: Match): ChatReply {
    const { provider, model, fallback, costNanoUsd } = entry.origin;
    const { print, scope, request } = asked;
    const ageMs = Math.max(0, this.clock.now() - entry.createdAtMs);
    const ttlSeconds = Math.floor((entry.expiresAtMs - this.clock.now()) / 1000);
    context.cacheStatus = statusOf(tier);
    context.savedNanoUsd = costNanoUsd;
    context.served = { provider, model, attempts: 0, fallback };
    context.cacheReport = { hit: { similarity, ageSeconds: Math.floor(ageMs / 1000), ttlSeconds }, detail: tier };
    const asOf = { entry: entry.id, asked: print.id, scope, tier, similarity };
    context.decide('cache', context.cacheStatus, { ...asOf, age_ms: ageMs });
    this.metrics.hit(tier, costNanoUsd);
    this.hits.note(context.requestId, { entryId: entry.id, askedId: print.id, scope, tier, similarity });
    return replay(entry, { stream: request.stream, includeUsage: request.includeUsage });
  }

  miss(context: GatewayContext, detail: string | null = null): void {
    this.metrics.miss();
    context.cacheStatus = 'miss';
    context.cacheReport = { hit: null, detail };
    context.decide('cache', 'miss', detail === null ? {} : { detail });
  }

  bypass(context: GatewayContext, why: string): void {
    this.metrics.bypass();
    context.cacheStatus = 'bypass';
    context.cacheReport = { hit: null, detail: why };
    context.decide('cache', 'bypass', { why });
  }
}

export const statusOf = (tier: CacheTier): CacheStatus => (tier === 'semantic' ? 'semantic-hit' : 'hit');
