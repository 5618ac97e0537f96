import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { HealthService, type DependencyHealth } from '../platform/health/health.service';
import { RedisConnection } from '../platform/redis/redis-connection';
import { RateLimitConfig } from './rate-limit.config';
import { RateLimitMetrics } from './rate-limit.metrics';
import { MemoryRateLimitStore } from './store/memory.rate-limit-store';
import type { RateLimitStore } from './store/rate-limit.store';
import { RedisRateLimitStore } from './store/redis.rate-limit-store';

/** The windows of all replicas when there is a Redis, of this process when there is none; says when they are away. */
@Injectable()
export class SharedWindows implements OnModuleInit, BeforeApplicationShutdown {
  readonly store: RateLimitStore;
  private readonly logger = new Logger('RateLimit');
  private readonly redis: RedisRateLimitStore | null;

  constructor(
    private readonly connection: RedisConnection,
    private readonly config: LiveConfig,
    private readonly metrics: RateLimitMetrics,
    clock: Clock,
    health: HealthService,
  ) {
    const { client } = connection;
    this.redis = client
      ? new RedisRateLimitStore({
          client,
          clock,
          policy: () => config.section(RateLimitConfig).on_store_down,
          onModeChange: (degraded) => this.note(degraded),
          onFailure: (error) => this.logger.debug(error),
        })
      : null;
    this.store = this.redis ?? new MemoryRateLimitStore(() => clock.monotonic());
    health.register('rate_limits', () => this.check());
  }

  async onModuleInit(): Promise<void> {
    if (!this.redis) return;
    // Not before there is a connection: a start would be taken for an outage.
    await this.connection.onModuleInit();
    await this.redis.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.redis?.stop();
  }

  private check(): string | DependencyHealth {
    const detail = this.describe();
    if (!this.redis?.degraded) return detail;
    // Refusing is what was asked for, and no reason to send traffic here.
    const refuses = this.config.section(RateLimitConfig).on_store_down === 'deny';
    return { status: refuses ? 'down' : 'degraded', detail };
  }

  private describe(): string {
    if (!this.redis) return 'counted in this process';
    if (!this.redis.degraded) return `counted in Redis by ${this.redis.members} replica(s)`;
    return `degraded: Redis does not answer, on_store_down is ${this.config.section(RateLimitConfig).on_store_down}`;
  }

  private note(degraded: boolean): void {
    this.metrics.mode(degraded);
    if (degraded) this.logger.warn(`Limits are ${this.describe()}`);
    else this.logger.log(`Limits are ${this.describe()} again`);
  }
}
