import type { SignInConfig } from './admin/console/auth/sign-in.config';
import type { BudgetsConfig } from './billing/budgets.config';
import type { PricingConfig } from './billing/pricing.config';
import type { DatabaseConfig } from './platform/database/database.config';
import type { RedisConfig } from './platform/redis/redis.config';
import type { ModelsConfig } from './providers/models.config';
import type { ProvidersConfig } from './providers/providers.config';
import type { RateLimitConfig } from './rate-limit/rate-limit.config';
import type { CacheConfig } from './semantic-cache/cache.config';

/** The sections that have to agree with each other: what the checks look at. */
export interface CheckedSections {
  readonly providers: ProvidersConfig;
  readonly models: ModelsConfig;
  readonly cache: CacheConfig;
  readonly rate_limits: RateLimitConfig;
  readonly pricing: PricingConfig;
  readonly budgets: BudgetsConfig;
  readonly database: DatabaseConfig;
  readonly redis: RedisConfig;
  readonly sign_in: SignInConfig;
}
