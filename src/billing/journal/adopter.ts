import * as fs from 'node:fs';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import type { Clock } from '../../platform/clock';
import { InstanceLock, lockDomain } from './instance-lock';
import { OWNER_FILE, type Journal } from './journal';
import { JournalReader } from './journal-reader';
import type { JournalOptions } from './journal-options';
import { rowsOf, type RecordWriter } from './ship-records';
import { Unfinished } from './unfinished';

/** What journals of processes are named; anything else in the folder is not ours to take. */
const INSTANCE_PREFIX = 'inst_';

/** Attempts of one journal that may be in doubt at once; far above what one process runs. Beyond it the oldest are settled. */
const MAX_OPEN = 100_000;

/**
 * Takes over the journals of dead processes: their rows are stored, an attempt without an end is stored as in doubt at
 * its reservation, a request without an end as interrupted. A journal whose process lives is never touched.
 */
export class Adopter {
  private readonly logger = new Logger(Adopter.name);
  private readonly domain = lockDomain();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private stopped = false;

  constructor(
    private readonly journal: Journal,
    private readonly writer: RecordWriter,
    private readonly options: JournalOptions,
    private readonly clock: Clock,
  ) {}

  start(): void {
    void this.run();
    this.timer = setInterval(() => void this.run(), this.options.adoptIntervalMs).unref();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  /** One look at all journals; never throws. Calls that overlap share one. */
  run(): Promise<void> {
    this.running ??= this.adoptAll().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async adoptAll(): Promise<void> {
    try {
      let foreignBytes = 0;
      for (const instanceId of await this.others()) {
        if (!this.stopped && !(await this.adopt(instanceId))) foreignBytes += await this.bytesOf(instanceId);
      }
      this.journal.foreignBytes = foreignBytes;
    } catch (error) {
      this.logger.error('The journals of earlier processes cannot be read; trying again', error);
    }
  }

  private async others(): Promise<string[]> {
    const entries = await fs.promises.readdir(this.options.root, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && entry.name.startsWith(INSTANCE_PREFIX))
      .map((entry) => entry.name)
      .filter((name) => name !== this.journal.instanceId);
  }

  /** True when nothing is left to do for this journal, or it belongs to a living process. */
  private async adopt(instanceId: string): Promise<boolean> {
    const directory = path.join(this.options.root, instanceId);
    const lock = await InstanceLock.acquire(instanceId);
    if (!lock) return true;
    try {
      if (!(await this.isSilent(directory))) return true;
      await this.takeOver(directory);
      await this.writer.closeInstance(instanceId);
      await fs.promises.rm(directory, { recursive: true, force: true });
      return true;
    } catch (error) {
      this.logger.error(`The journal ${directory} could not be taken over yet; trying again`, error);
      return false;
    } finally {
      await lock.release();
    }
  }

  /** The free lock proves the death of a process that shares our lock domain; for others, silence has to do. */
  private async isSilent(directory: string): Promise<boolean> {
    const file = path.join(directory, OWNER_FILE);
    try {
      const owner = JSON.parse(await fs.promises.readFile(file, 'utf8')) as { domain?: string };
      if (owner.domain === this.domain) return true;
      return this.clock.now() - (await fs.promises.stat(file)).mtimeMs > this.options.silenceMs;
    } catch {
      // Killed while it made the directory, or torn by a power loss.
      return this.clock.now() - (await fs.promises.stat(directory)).mtimeMs > this.options.silenceMs;
    }
  }

  private async takeOver(directory: string): Promise<void> {
    const reader = new JournalReader(this.options.root, directory);
    const end = await reader.lastPosition();
    if (!end) return;
    const unfinished = new Unfinished();
    let position = { segment: 1, offset: 0 };
    let isLast = false;
    while (!isLast) {
      const batch = await reader.next(position, end, this.options.shipMaxRows);
      const entries = this.writer.parse(batch.records);
      await this.writer.write(rowsOf(entries));
      for (const entry of entries) unfinished.follow(entry);
      await this.finish(unfinished, MAX_OPEN);
      ({ position, isLast } = batch);
    }
    await this.finish(unfinished, 0);
  }

  /** Stores the oldest unfinished attempts and requests until at most `keep` of each are left. */
  private async finish(unfinished: Unfinished, keep: number): Promise<void> {
    const inDoubt = unfinished.takeAttempts(keep);
    const interrupted = unfinished.takeRequests(keep);
    for (const batch of chunks(inDoubt, this.options.shipMaxRows)) {
      await this.writer.write({ attempts: batch, requests: [] });
    }
    for (const batch of chunks(interrupted, this.options.shipMaxRows)) await this.writer.writeInterrupted(batch);
    if (inDoubt.length > 0)
      this.logger.warn(`${inDoubt.length} attempts of a dead process are in doubt and count as reserved`);
  }

  private async bytesOf(instanceId: string): Promise<number> {
    const directory = path.join(this.options.root, instanceId);
    const names = await fs.promises.readdir(directory);
    const sizes = await Promise.all(
      names.map(async (name) => (await fs.promises.stat(path.join(directory, name))).size),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
