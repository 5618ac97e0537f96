export { CacheAdministration, type CacheOverview } from './cache-administration';
export { KEPT_HOURS } from './store/count.store';
export { CacheInterceptor } from './cache.interceptor';
export { CacheService } from './cache.service';
export { SemanticCacheModule } from './semantic-cache.module';
export type { CacheEntryView } from './answers/cache-entry';
export type { HitRecord } from './hit-book';
export type { QuestionLink } from './store/cache.store';
export { wilsonInterval } from './wilson';
