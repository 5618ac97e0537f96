export { LIMIT_SCOPES, ORGANIZATION_ID, type LimitScope } from './levels';
export { LimitUsageService, type LimitUsage } from './limit-usage.service';
export { RateLimitConfig } from './rate-limit.config';
export { RateLimitGuard } from './rate-limit.guard';
export { rateLimitHeaders } from './rate-limit.headers';
export { RateLimitModule } from './rate-limit.module';
export { RateLimitService } from './rate-limit.service';
export { ThrottleStorage } from './throttle.storage';
