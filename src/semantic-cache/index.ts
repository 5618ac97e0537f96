export { CacheInterceptor } from './cache.interceptor';
export { CacheService } from './cache.service';
export { SemanticCacheModule } from './semantic-cache.module';
