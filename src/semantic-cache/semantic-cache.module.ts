import { Module } from '@nestjs/common';
import { Clock } from '../platform/clock';
import { RedisConnection } from '../platform/redis/redis-connection';
import { CacheAdministration } from './cache-administration';
import { CacheKeys } from './cache-keys';
import { CacheMetrics } from './cache.metrics';
import { CacheService } from './cache.service';
import { CacheStore } from './store/cache.store';
import { MemoryCacheStore } from './store/memory.cache-store';
import { RedisCacheStore } from './store/redis.cache-store';

/** Answers of all replicas when there is a Redis, of this process when there is none. */
function openStore({ client }: RedisConnection, clock: Clock): CacheStore {
  const nowMs = (): number => clock.now();
  return client ? new RedisCacheStore({ client, nowMs }) : new MemoryCacheStore(nowMs);
}

@Module({
  providers: [
    { provide: CacheStore, inject: [RedisConnection, Clock], useFactory: openStore },
    CacheKeys,
    CacheMetrics,
    CacheService,
    CacheAdministration,
  ],
  exports: [CacheService, CacheAdministration],
})
export class SemanticCacheModule {}
