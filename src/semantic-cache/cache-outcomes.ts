import { Injectable } from '@nestjs/common';
import type { CacheStatus, GatewayContext } from '../core/context';
import type { ChatReply } from '../core/reply';
import { Clock } from '../platform/clock';
import type { CacheEntry } from './answers/cache-entry';
import { replay } from './answers/replay';
import type { Asked, Match } from './asked';
import { CacheMetrics, isOthers, type CacheTier } from './cache.metrics';
import type { Following } from './shared-flights';
import { HitBook } from './hit-book';
import { NearMissJudge } from './judge/near-miss-judge';
import { ShadowSampling } from './shadow-sampling';

/** Says in context, metrics and trace what the cache did with a request. */
@Injectable()
export class CacheOutcomes {
  readonly hits = new HitBook();
  /** Since when this process has counted. */
  readonly sinceMs: number;

  constructor(
    readonly metrics: CacheMetrics,
    readonly shadow: ShadowSampling,
    readonly judge: NearMissJudge,
    private readonly clock: Clock,
  ) {
    this.sinceMs = clock.now();
  }

  /** The stored answer as the client wants it. */
  hit(context: GatewayContext, asked: Asked, { entry, tier, similarity }: Match): ChatReply {
    const { provider, model, fallback, costNanoUsd } = entry.origin;
    const { print, scope, request } = asked;
    const ageMs = Math.max(0, this.clock.now() - entry.createdAtMs);
    const ttlSeconds = Math.floor((entry.expiresAtMs - this.clock.now()) / 1000);
    context.cacheStatus = statusOf(tier);
    context.savedNanoUsd = costNanoUsd;
    // None, but for a hit that was to be checked and providers that failed.
    context.served = { provider, model, attempts: context.served?.attempts ?? 0, fallback };
    context.cacheReport = { hit: { similarity, ageSeconds: Math.floor(ageMs / 1000), ttlSeconds }, detail: tier };
    const asOf = { entry: entry.id, asked: print.id, scope, tier, similarity };
    context.decide('cache', context.cacheStatus, { ...asOf, age_ms: ageMs });
    this.metrics.hit(tier, costNanoUsd);
    this.hits.note(context.requestId, { entryId: entry.id, askedId: print.id, scope, tier, similarity });
    return replay(entry, { stream: request.stream, includeUsage: request.includeUsage });
  }

  /** The answer that comes for another request, as it comes. What it saves is known at its end. */
  follow(context: GatewayContext, { print, scope, ttlSeconds }: Asked, { reply, origin }: Following): ChatReply {
    const tier = 'coalesced';
    context.cacheStatus = statusOf(tier);
    context.served = { ...origin, attempts: 0 };
    context.cacheReport = { hit: { similarity: 1, ageSeconds: 0, ttlSeconds }, detail: tier };
    const hit = { entryId: print.id, askedId: print.id, scope, tier, similarity: 1 } as const;
    const asOf = { entry: print.id, asked: print.id, scope, tier, similarity: 1 };
    context.decide('cache', context.cacheStatus, { ...asOf, age_ms: 0, live: true });
    this.metrics.hit(tier, 0n);
    this.hits.note(context.requestId, hit);
    return reply;
  }

  /** The answer past its time, in the place of the error that all providers came to. It saves nothing: they were asked. */
  standIn(context: GatewayContext, asked: Asked, entry: CacheEntry, insteadOf: number): ChatReply {
    const { provider, model, fallback } = entry.origin;
    const now = this.clock.now();
    const [ageMs, leftMs] = [Math.max(0, now - entry.createdAtMs), entry.expiresAtMs - now];
    context.cacheStatus = 'stale-hit';
    context.served = { provider, model, attempts: context.served?.attempts ?? 0, fallback };
    const times = { ageSeconds: Math.floor(ageMs / 1000), ttlSeconds: Math.floor(leftMs / 1000) };
    context.cacheReport = { hit: { similarity: 1, ...times, insteadOf }, detail: 'stale-if-error' };
    context.decide('cache', 'stale-hit', { entry: entry.id, age_ms: ageMs, instead_of: insteadOf });
    this.metrics.standIn();
    return replay(entry, { stream: asked.request.stream, includeUsage: asked.request.includeUsage });
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

export const statusOf = (tier: CacheTier): CacheStatus => (isOthers(tier) ? 'semantic-hit' : 'hit');
