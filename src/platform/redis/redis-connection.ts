import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Environment } from '../config/environment';
import { LiveConfig } from '../config/live-config';
import { HealthService, type DependencyHealth } from '../health/health.service';
import { redisClient, type RedisAddress, type RedisClient } from './redis-client';
import { RedisConfig } from './redis.config';

/** A command that takes longer than this has failed: Redis is local to the gateway or it is in the way. */
const COMMAND_TIMEOUT_MS = 100;
const CONNECT_TIMEOUT_MS = 500;
/** How long the start waits for the first connection before it goes on without. */
const FIRST_CONNECTION_MS = 2000;

/**
 * One connection to Redis that fails fast: ioredis by default queues commands of a dead server for seconds, and a request
 * must never wait for that. `client` is null when no Redis is configured.
 */
@Injectable()
export class RedisConnection implements OnApplicationShutdown {
  readonly client: RedisClient | null;
  private readonly logger = new Logger(RedisConnection.name);
  private isUp = false;
  private wasUp = false;
  private firstConnection: Promise<void> | undefined;

  constructor(environment: Environment, config: LiveConfig, health: HealthService) {
    const { url: configured, cluster: isCluster } = config.section(RedisConfig);
    const url = environment.redisUrl ?? configured;
    this.client = url === undefined ? null : this.connect({ url, isCluster });
    health.register('redis', () => this.check());
  }

  /** Resolves when Redis answers, or after two seconds: the gateway starts without and says that it is not ready. */
  onModuleInit(): Promise<void> {
    // Whoever asks again waits with those who wait already, and not for two seconds more.
    this.firstConnection ??= this.awaitFirst();
    return this.firstConnection;
  }

  private async awaitFirst(): Promise<void> {
    if (!this.client || this.client.status === 'ready') return;
    const { client } = this;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FIRST_CONNECTION_MS);
      client.once('ready', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  onApplicationShutdown(): void {
    this.client?.disconnect();
  }

  private connect(address: RedisAddress): RedisClient {
    const client = redisClient(address, {
      maxRetriesPerRequest: 0,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 2000),
    });
    client.on('ready', () => this.note(true));
    client.on('close', () => this.note(false));
    // The address may hold a password, so only the code is logged; `note` says the rest.
    client.on('error', (error: NodeJS.ErrnoException) => this.logger.debug(`Redis: ${error.code ?? error.name}`));
    return client;
  }

  private note(isUp: boolean): void {
    if (isUp === this.isUp) return;
    this.isUp = isUp;
    this.wasUp ||= isUp;
    if (isUp) this.logger.log('Redis is connected');
    else this.logger.warn('The connection to Redis is lost; trying again');
  }

  /** Who needs Redis says so in a check of its own. A replica that has never reached it knows nothing of the others, and waits. */
  private async check(): Promise<string | DependencyHealth> {
    if (!this.client) return 'in-process stores: one replica only';
    try {
      await this.client.ping();
      return 'connected';
    } catch (error) {
      if (!this.wasUp) throw error;
      return { status: 'degraded', detail: 'does not answer; served without it' };
    }
  }
}
