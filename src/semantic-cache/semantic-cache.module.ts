import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { RedisConnection } from '../platform/redis/redis-connection';
import { ProvidersModule } from '../providers';
import { CacheAdministration } from './cache-administration';
import { CacheOverviews } from './cache-overviews';
import { AnswerRecorder } from './answer-recorder';
import { CacheLookup } from './cache-lookup';
import { CacheOutcomes } from './cache-outcomes';
import { CacheQuestions } from './cache-questions';
import { Judge } from './judge/judge';
import { JudgePrices } from './judge/judge-prices';
import { NearMissJudge } from './judge/near-miss-judge';
import { ShadowSampling } from './shadow-sampling';
import { SharedFlights } from './shared-flights';
import { PatientStore } from './store/patient-store';
import { CacheConfig } from './cache.config';
import { CacheMetrics } from './cache.metrics';
import { CacheService } from './cache.service';
import { Encoders } from './encoder/encoders';
import { SimilarQuestions } from './similar-questions';
import { HourlyCounts } from './hourly-counts';
import { CacheStore } from './store/cache.store';
import { CountStore } from './store/count.store';
import { MemoryCountStore } from './store/memory.count-store';
import { RedisCountStore } from './store/redis.count-store';
import { MemoryCacheStore } from './store/memory.cache-store';
import { MemoryVectorIndex } from './store/memory.vector-index';
import { PgVectorIndex, type Query } from './store/pgvector.vector-index';
import { RedisCacheStore } from './store/redis.cache-store';
import { RediSearchIndex } from './store/redisearch.vector-index';
import { RedisVectorSetsIndex } from './store/redis-vector-sets.vector-index';
import { RedisVectorIndex } from './store/redis.vector-index';
import { VectorIndex } from './store/vector-index';
import { WrongHits } from './wrong-hits';

/** Answers of all replicas when there is a Redis, of this process when there is none. */
function openStore({ client }: RedisConnection, clock: Clock): CacheStore {
  const nowMs = (): number => clock.now();
  return client ? new RedisCacheStore({ client, nowMs }) : new MemoryCacheStore(nowMs);
}

/** Each replica compares for itself, and with a Redis it knows what the others were asked; or PostgreSQL or Redis compares for all. */
function openIndex({ client }: RedisConnection, clock: Clock, config: LiveConfig, database: DataSource): VectorIndex {
  const { index } = config.section(CacheConfig);
  if (index === 'pgvector') {
    const query: Query = (statement, values) => database.query<unknown>(statement, values && [...values]);
    return new PgVectorIndex({ query, clock });
  }
  if (index === 'redis-vectors' && client) return new RedisVectorSetsIndex({ client, clock });
  if (index === 'redisearch' && client) return new RediSearchIndex({ client, clock });
  const nowMs = (): number => clock.now();
  return client ? new RedisVectorIndex({ client, nowMs }) : new MemoryVectorIndex(nowMs);
}

/** Counts of all replicas where there is a Redis. */
const openCounts = ({ client }: RedisConnection): CountStore =>
  client ? new RedisCountStore(client) : new MemoryCountStore();

@Module({
  imports: [ProvidersModule],
  providers: [
    { provide: CacheStore, inject: [RedisConnection, Clock], useFactory: openStore },
    { provide: VectorIndex, inject: [RedisConnection, Clock, LiveConfig, DataSource], useFactory: openIndex },
    { provide: CountStore, inject: [RedisConnection], useFactory: openCounts },
    Encoders,
    SimilarQuestions,
    PatientStore,
    CacheQuestions,
    CacheLookup,
    CacheOutcomes,
    HourlyCounts,
    WrongHits,
    ShadowSampling,
    JudgePrices,
    Judge,
    NearMissJudge,
    SharedFlights,
    AnswerRecorder,
    CacheMetrics,
    CacheService,
    CacheAdministration,
    CacheOverviews,
  ],
  exports: [CacheService, CacheAdministration, CacheOverviews],
})
export class SemanticCacheModule {}
