import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { newId } from '../core/ids';
import { Clock } from '../platform/clock';
import { Adopter } from './journal/adopter';
import { Journal, type JournalStats } from './journal/journal';
import type { JournalOptions } from './journal/journal-options';
import { RecordWriter } from './journal/ship-records';
import { Shipper } from './journal/shipper';
import { UsageStore } from './store/usage-store';
import type { AttemptText } from './usage-rows';

const PREPARE_INTERVAL_MS = 6 * 60 * 60_000;

export interface UsageStats extends JournalStats {
  /** Rows the database would not take, put aside for a person to look at. */
  readonly poisonedRows: number;
}

/** The journal of this process together with what carries it to the store, from start to shutdown. */
@Injectable()
export class UsageJournal implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(UsageJournal.name);
  private readonly writer: RecordWriter;
  private readonly shipper: Shipper;
  private readonly adopter: Adopter;
  private prepareTimer: NodeJS.Timeout | null = null;
  private storedListener: (attempts: readonly AttemptText[]) => void = () => {};
  private stoppedListener: () => Promise<void> = () => Promise.resolve();

  constructor(
    readonly journal: Journal,
    private readonly store: UsageStore,
    private readonly options: JournalOptions,
    clock: Clock,
  ) {
    this.writer = new RecordWriter(store, options.root);
    this.shipper = new Shipper(journal, this.writer, options, (attempts) => this.storedListener(attempts));
    this.adopter = new Adopter(journal, this.writer, options, clock);
  }

  /** Throws when the journal cannot be written. */
  static async start(options: JournalOptions, store: UsageStore, clock: Clock): Promise<UsageJournal> {
    const journal = await Journal.start(newId('inst', clock.now()), options, clock);
    return new UsageJournal(journal, store, options, clock);
  }

  onApplicationBootstrap(): void {
    void this.prepare();
    this.prepareTimer = setInterval(() => void this.prepare(), PREPARE_INTERVAL_MS).unref();
    this.shipper.start();
    this.adopter.start();
  }

  /** Told of the attempts of this process that have reached the database. */
  onStored(listener: (attempts: readonly AttemptText[]) => void): void {
    this.storedListener = listener;
  }

  /** Waited for at shutdown, when as much as could be stored is stored. */
  onStopped(listener: () => Promise<void>): void {
    this.stoppedListener = listener;
  }

  /** Ships what is left, within a bound; the rest is on disk for the next process. */
  async onApplicationShutdown(): Promise<void> {
    if (this.prepareTimer) clearInterval(this.prepareTimer);
    await this.adopter.stop();
    await this.shipper.stop(this.options.flushTimeoutMs);
    await this.stoppedListener();
    await this.journal.close();
  }

  stats(): UsageStats {
    return { ...this.journal.stats(), poisonedRows: this.writer.poisonedRows };
  }

  private async prepare(): Promise<void> {
    try {
      await this.store.prepare();
    } catch (error) {
      this.logger.warn(`The usage partitions of the coming months are not made yet: ${String(error)}`);
    }
  }
}
