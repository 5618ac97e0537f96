import { BudgetsConfig } from './billing/budgets.config';
import { PricingConfig } from './billing/pricing.config';
import { Section } from './platform/config/fields';
import { DatabaseConfig } from './platform/database/database.config';
import { ServerConfig } from './platform/http/server.config';
import { RedisConfig } from './platform/redis/redis.config';
import { ModelsConfig } from './providers/models.config';
import { ProvidersConfig } from './providers/providers.config';
import { RoutingConfig } from './providers/routing.config';
import { RateLimitConfig } from './rate-limit/rate-limit.config';
import { CacheConfig } from './semantic-cache/cache.config';

/** The whole configuration file. Every section is optional. */
export class AppConfig {
  /** Where the gateway listens and how it starts and stops. */
  @Section(() => ServerConfig)
  server = new ServerConfig();

  /** The providers, by name. */
  @Section(() => ProvidersConfig)
  providers = new ProvidersConfig();

  /** Names clients may ask for, beyond the models that providers list. */
  @Section(() => ModelsConfig)
  models = new ModelsConfig();

  /** What happens when a call to a provider fails. */
  @Section(() => RoutingConfig)
  routing = new RoutingConfig();

  /** What callers may use at most. */
  @Section(() => RateLimitConfig)
  rate_limits = new RateLimitConfig();

  /** Answers replayed for the same or a similar question. */
  @Section(() => CacheConfig)
  cache = new CacheConfig();

  /** What calls cost. */
  @Section(() => PricingConfig)
  pricing = new PricingConfig();

  /** How much may be spent, by whom, in which time. */
  @Section(() => BudgetsConfig)
  budgets = new BudgetsConfig();

  /** Windows and cached answers shared by replicas. */
  @Section(() => RedisConfig)
  redis = new RedisConfig();

  /** Keys, budgets, the ledger and the audit trail. */
  @Section(() => DatabaseConfig)
  database = new DatabaseConfig();
}
