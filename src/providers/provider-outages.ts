import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ProviderRegistry, type ConfiguredProvider } from './provider-registry';
import { TargetHealth } from './target-health';

const TICK_MS = 1_000;

/**
 * Tells the database which providers this replica finds down; from the word of all replicas it makes the events. A provider
 * is down when calls to one of its models have opened the breaker and none of its models is known to answer.
 */
@Injectable()
export class ProviderOutages implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(ProviderOutages.name);
  private readonly instanceId = randomUUID();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private hasReported = false;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly registry: ProviderRegistry,
    private readonly health: TargetHealth,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running ??= this.report().finally(() => (this.running = null));
    }, TICK_MS).unref();
  }

  /** What this replica found says nothing any more. */
  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.running;
    if (this.hasReported) await this.tell([]);
  }

  private async report(): Promise<void> {
    const down = this.registry.configured.filter((one) => this.isDown(one)).map(({ provider }) => provider.name);
    // A healthy replica has nothing to say.
    if (down.length > 0 || this.hasReported) await this.tell(down);
  }

  private async tell(down: readonly string[]): Promise<void> {
    try {
      await this.database.query('select provider_report($1, $2::text[])', [this.instanceId, down]);
      this.hasReported = down.length > 0;
    } catch (error) {
      this.logger.debug(`The state of providers is not told: ${String(error)}`);
    }
  }

  private isDown({ provider, models }: ConfiguredProvider): boolean {
    const states = models.map((model) => {
      const target = { provider: provider.name, model };
      return this.health.status({ ...target, quotaDomain: this.registry.quotaDomainOf(target) });
    });
    const answers = states.some(({ breaker, firstByteMs }) => breaker === 'closed' && firstByteMs !== null);
    return !answers && states.some(({ breaker }) => breaker !== 'closed');
  }
}
