import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../platform/clock';
import { LiveConfig } from '../platform/config/live-config';
import { TranscriptStore } from './transcript-store';
import { TranscriptsConfig } from './transcripts.config';

const INTERVAL_MS = 60 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/** Drops transcripts that are older than they are kept, every hour. */
@Injectable()
export class TranscriptRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(TranscriptRetention.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: TranscriptStore,
    private readonly config: LiveConfig,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.run();
    }, INTERVAL_MS).unref();
    this.running = this.run();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** Never throws: what could not be dropped now is dropped an hour later. */
  async run(): Promise<void> {
    const { retention_days: days } = this.config.section(TranscriptsConfig);
    try {
      const dropped = await this.store.dropBefore(new Date(this.clock.now() - days * DAY_MS));
      if (dropped > 0) this.logger.log(`${dropped} transcripts older than ${days} days dropped`);
    } catch (error) {
      this.logger.warn(`Old transcripts could not be dropped; tried again in an hour: ${String(error)}`);
    }
  }
}
