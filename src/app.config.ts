import { SignInConfig } from './admin/console/auth/sign-in.config';
import { BudgetsConfig } from './billing/budgets.config';
import { JournalConfig } from './billing/journal.config';
import { PricingConfig } from './billing/pricing.config';
import { UsageConfig } from './billing/usage.config';
import { IdempotencyConfig } from './gateway/idempotency/idempotency.config';
import { findings } from './app.config.checks';
import { completeProviders } from './app.config.providers';
import { Section } from './platform/config/fields';
import { RootConfig, type ConfigContext, type Finding } from './platform/config/root-config';
import { DatabaseConfig } from './platform/database/database.config';
import { ServerConfig } from './platform/http/server.config';
import { RedisConfig } from './platform/redis/redis.config';
import { ModelsConfig } from './providers/models.config';
import { ProvidersConfig } from './providers/providers.config';
import { RoutingConfig } from './providers/routing.config';
import { StreamsConfig } from './providers/streams.config';
import { RateLimitConfig } from './rate-limit/rate-limit.config';
import { CacheConfig } from './semantic-cache/cache.config';
import { TranscriptsConfig } from './transcripts/transcripts.config';

/** The whole configuration file. Every section is optional. */
export class AppConfig extends RootConfig {
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

  /** What happens to streams that do not end as planned. */
  @Section(() => StreamsConfig)
  streams = new StreamsConfig();

  /** What callers may use at most. */
  @Section(() => RateLimitConfig)
  rate_limits = new RateLimitConfig();

  /** Answers replayed for the same or a similar question. */
  @Section(() => CacheConfig)
  cache = new CacheConfig();

  /** What the request header `idempotency-key` does. */
  @Section(() => IdempotencyConfig)
  idempotency = new IdempotencyConfig();

  /** What calls cost. */
  @Section(() => PricingConfig)
  pricing = new PricingConfig();

  /** How much may be spent, by whom, in which time. */
  @Section(() => BudgetsConfig)
  budgets = new BudgetsConfig();

  /** How people sign in to the console. */
  @Section(() => SignInConfig)
  sign_in = new SignInConfig();

  /** The write-ahead journal: every call is on record before it is made. */
  @Section(() => JournalConfig)
  journal = new JournalConfig();

  /** The record of what was used. */
  @Section(() => UsageConfig)
  usage = new UsageConfig();

  /** Prompts and answers, for the teams that keep them. */
  @Section(() => TranscriptsConfig)
  transcripts = new TranscriptsConfig();

  /** Windows and cached answers shared by replicas. */
  @Section(() => RedisConfig)
  redis = new RedisConfig();

  /** Keys, budgets, the ledger and the audit trail. */
  @Section(() => DatabaseConfig)
  database = new DatabaseConfig();

  override complete(context: ConfigContext): void {
    const { port, host, redisUrl, databaseUrl } = context.environment;
    if (port !== undefined) this.server.port = port;
    if (host !== undefined) this.server.host = host;
    if (redisUrl !== undefined) this.redis.url = redisUrl;
    if (databaseUrl !== undefined) this.database.url = databaseUrl;
    if (!context.isBroken(['providers'])) completeProviders(this.providers, context.variables);
  }

  override check(context: ConfigContext): Finding[] {
    return findings(this, context);
  }
}
