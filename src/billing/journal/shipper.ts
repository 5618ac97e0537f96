import { Logger } from '@nestjs/common';
import type { Journal, Position } from './journal';
import { JournalReader } from './journal-reader';
import type { JournalOptions } from './journal-options';
import { rowsOf, type RecordWriter } from './ship-records';
import type { AttemptText } from '../usage-rows';

const MAX_BACKOFF_MS = 10_000;

/** Follows the journal of this process and carries its rows to the store. What is not there yet stays on disk. */
export class Shipper {
  private readonly logger = new Logger(Shipper.name);
  private readonly reader: JournalReader;
  private position: Position = { segment: 1, offset: 0 };
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private failures = 0;
  private stopped = false;

  constructor(
    private readonly journal: Journal,
    private readonly writer: RecordWriter,
    private readonly options: JournalOptions,
    private readonly onStored: (attempts: readonly AttemptText[]) => void,
  ) {
    this.reader = new JournalReader(options.root, journal.directory);
  }

  start(): void {
    this.schedule(this.options.shipIntervalMs);
  }

  /** Ships what there is, for at most `timeoutMs`; later calls of `start` do nothing. */
  async stop(timeoutMs: number): Promise<void> {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.running.then(() => this.ship()), late]);
    clearTimeout(timer);
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.ship().finally(() => this.schedule(this.nextDelayMs()));
    }, delayMs);
    this.timer.unref();
  }

  private nextDelayMs(): number {
    return Math.min(
      this.options.shipIntervalMs * 2 ** Math.min(this.failures, 16),
      this.failures > 0 ? MAX_BACKOFF_MS : Infinity,
    );
  }

  /** Never throws. */
  private async ship(): Promise<void> {
    try {
      while (await this.shipBatch());
      if (this.failures > 0) this.logger.log('Usage rows are stored again');
      this.failures = 0;
    } catch (error) {
      if (this.failures === 0) this.logger.error('Usage rows cannot be stored; they wait in the journal', error);
      this.failures += 1;
    }
  }

  /** True when there is more. */
  private async shipBatch(): Promise<boolean> {
    const end = this.journal.end;
    if (end.segment === this.position.segment && end.offset === this.position.offset) return false;
    const batch = await this.reader.next(this.position, end, this.options.shipMaxRows);
    const ends = batch.records.filter((record) => record.kind !== 'intent');
    const rows = rowsOf(this.writer.parse(ends));
    if (rows.attempts.length + rows.requests.length > 0) await this.writer.write(rows);
    this.onStored(rows.attempts);
    this.position = batch.position;
    this.journal.shipped(batch.position, ends.length, batch.records.at(-1)?.atMs ?? 0);
    return !batch.isLast;
  }
}
