import * as fs from 'node:fs';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { OverloadedError } from '../../core/errors';
import type { Clock } from '../../platform/clock';
import { InstanceLock, lockDomain } from './instance-lock';
import type { JournalOptions } from './journal-options';
import { RecordEncoder, splitRecords, type RecordKind } from './record';
import { Segment, segmentPath } from './segment';

export const OWNER_FILE = 'owner.json';
export const QUARANTINE = 'quarantine';

/** Heartbeats per period of silence after which another container may take the journal over. */
const HEARTBEATS_PER_SILENCE = 6;
/** Records that wait in memory while the disk refuses them; settlements always wait, and no attempt begins meanwhile. */
const MAX_WAITING_REQUESTS = 10_000;
/** Share of the cap kept for records of requests that made no attempt. */
const HEADROOM_DIVISOR = 8;
const RETRY_AFTER_MS = 2_000;
/** So much may be held for the next write. */
const MAX_HELD_BYTES = 256 * 1024;

export interface Position {
  readonly segment: number;
  readonly offset: number;
}

export interface JournalStats {
  /** Settlements and requests not yet in the database. */
  readonly backlogRows: number;
  readonly bytes: number;
  /** Age of the oldest record that is not yet in the database; 0 when there is none. */
  readonly oldestMs: number;
  /** Records of requests without an attempt that found no room, since the start. */
  readonly lostRequests: number;
}

interface OpenIntent {
  payload: string;
  readonly frameBytes: number;
  segment: number;
}

/**
 * The write-ahead journal of this process. What it has accepted survives the death of the process; a power loss costs
 * what was not yet synced. An intent is written at once. The ends of attempts and requests are held until the next microtask,
 * or the next intent, and written together: before anything that waits goes on, and so before the answer leaves. One thread
 * writes; another reader may follow behind.
 */
export class Journal {
  private readonly logger = new Logger(Journal.name);
  private readonly sizes = new Map<number, number>();
  private readonly open = new Map<string, OpenIntent>();
  private readonly encoder = new RecordEncoder();
  private readonly waiting: Buffer[] = [];
  private heldRows = 0;
  private isWriteDue = false;
  private readonly timers: NodeJS.Timeout[] = [];
  private segment: Segment;
  private bytes = 0;
  /** Bytes in journals of dead processes, not yet shipped. */
  foreignBytes = 0;
  private writtenRows = 0;
  private shippedRows = 0;
  private oldestAtMs: number | null = null;
  private lostRequests = 0;
  private failing = false;

  private constructor(
    readonly instanceId: string,
    readonly directory: string,
    private readonly options: JournalOptions,
    private readonly clock: Clock,
    private readonly lock: InstanceLock,
  ) {
    this.segment = this.newSegment(1);
  }

  /** Throws when the directory cannot be written: without a journal the gateway must not start. */
  static async start(instanceId: string, options: JournalOptions, clock: Clock): Promise<Journal> {
    const lock = await InstanceLock.acquire(instanceId);
    if (!lock) throw new Error(`The journal of ${instanceId} belongs to another running process`);
    const directory = path.join(options.root, instanceId);
    const journal = new Journal(instanceId, directory, options, clock, lock);
    journal.startTimers();
    return journal;
  }

  /** Where the next record goes. */
  get end(): Position {
    return { segment: this.segment.sequence, offset: this.segment.size };
  }

  /**
   * Puts an attempt on record before it is made. Throws `OverloadedError` when that is not possible, and then the
   * attempt must not be made.
   */
  intent(attemptId: string, payload: string): void {
    const frame = this.encode('intent', payload);
    if (this.usedBytes + frame.length > this.options.maxBytes) {
      throw new OverloadedError(
        'The usage journal is full because its records cannot be stored. Retry later; operators: check the database.',
        RETRY_AFTER_MS,
      );
    }
    try {
      this.writeHeld(frame);
      if (this.options.sync === 'each') this.segment.syncNow();
    } catch (error) {
      this.failed(error);
      throw new OverloadedError(
        'The usage journal cannot be written. Retry later; operators: check the disk of GATEWAY_DATA_DIR.',
        RETRY_AFTER_MS,
      );
    }
    this.open.set(attemptId, { payload, frameBytes: frame.length, segment: this.segment.sequence });
  }

  /**
   * Ends an attempt. Never throws: what the disk refuses waits in memory, and no attempt begins until it is written. A sync
   * that fails is logged; what only a power loss would then cost is not written again.
   */
  settle(attemptId: string, payload: string): void {
    this.hold(this.encode('settle', payload));
    if (this.options.sync === 'each') this.writeNow('synced');
    const intent = this.open.get(attemptId);
    if (!intent) return;
    // A busy map lets go of its values late: see `LiveList`.
    intent.payload = '';
    this.open.delete(attemptId);
  }

  /** Ends a request. Never throws. Only a request that made no attempt may find no room. */
  request(payload: string, madeAttempts: boolean): void {
    const frame = this.encode('request', payload);
    const room = this.options.maxBytes + this.options.maxBytes / HEADROOM_DIVISOR;
    const full = this.usedBytes + frame.length > room || this.waiting.length >= MAX_WAITING_REQUESTS;
    if (full && !madeAttempts) this.lost();
    else this.hold(frame);
  }

  /** Called when everything before `position` is in the database. */
  shipped(position: Position, rows: number, lastAtMs: number): void {
    this.writeNow();
    const { segment, offset } = this.end;
    // At the end everything is dealt with, also what was quarantined or taken over on the way.
    const isAtEnd = position.segment === segment && position.offset === offset;
    this.shippedRows = isAtEnd ? this.writtenRows : this.shippedRows + rows;
    this.oldestAtMs = this.shippedRows >= this.writtenRows ? null : lastAtMs;
    // A settlement that still waits in memory keeps its intent on disk.
    if (this.waiting.length > 0) return;
    for (const sequence of [...this.sizes.keys()].filter((known) => known < position.segment)) {
      if (!this.carryOver(sequence)) return;
      this.remove(sequence);
      this.bytes -= this.sizes.get(sequence) ?? 0;
      this.sizes.delete(sequence);
    }
  }

  stats(): JournalStats {
    const backlogRows = this.writtenRows - this.shippedRows + this.waiting.length + this.heldRows;
    const oldestMs = this.oldestAtMs === null ? 0 : Math.max(0, this.clock.now() - this.oldestAtMs);
    return { backlogRows, bytes: this.usedBytes, oldestMs, lostRequests: this.lostRequests };
  }

  /** Stops writing. With everything shipped and every attempt settled, nothing is left on disk. */
  async close(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.timers.length = 0;
    this.writeNow();
    try {
      this.drainWaiting();
      await this.segment.finish();
    } catch (error) {
      this.failed(error);
    }
    const { backlogRows } = this.stats();
    if (backlogRows === 0 && this.open.size === 0) fs.rmSync(this.directory, { recursive: true, force: true });
    else this.logger.warn(`${backlogRows} usage records stay in ${this.directory} for the next process`);
    await this.lock.release();
  }

  /** To be written or held before the next is encoded. */
  private encode(kind: RecordKind, payload: string): Buffer {
    return this.encoder.encode({ kind, atMs: this.clock.now(), payload });
  }

  private get usedBytes(): number {
    return this.bytes + this.foreignBytes + this.encoder.held;
  }

  private hold(frame: Buffer): void {
    this.oldestAtMs ??= this.clock.now();
    this.encoder.hold(frame);
    this.heldRows += 1;
    if (this.encoder.held >= MAX_HELD_BYTES) this.writeNow();
    else if (!this.isWriteDue) {
      this.isWriteDue = true;
      queueMicrotask(() => this.writeNow());
    }
  }

  /** Never throws: what the disk refuses waits in memory. */
  private writeNow(how?: 'synced'): void {
    this.isWriteDue = false;
    try {
      if (this.heldRows > 0) this.writeHeld();
      if (how === 'synced' && !this.segment.isSynced) this.segment.syncNow();
    } catch (error) {
      this.failed(error);
    }
  }

  /** In one write. Throws when the disk refuses it: then what was held waits, and `intent` is nowhere. */
  private writeHeld(intent?: Buffer): void {
    const { heldRows } = this;
    const heldBytes = this.encoder.held;
    const records = this.encoder.take(intent);
    this.heldRows = 0;
    try {
      this.drainWaiting();
      this.write(records);
      this.writtenRows += heldRows;
    } catch (error) {
      this.waiting.push(...splitRecords(records.subarray(0, heldBytes)));
      throw error;
    }
  }

  private drainWaiting(): void {
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      this.write(next);
      this.writtenRows += 1;
      this.waiting.shift();
    }
  }

  private write(frame: Buffer): void {
    if (this.segment.size + frame.length > this.options.segmentBytes && this.segment.size > 0) this.rotate();
    this.segment.append(frame);
    this.bytes += frame.length;
    this.sizes.set(this.segment.sequence, this.segment.size);
    if (this.failing) {
      this.failing = false;
      this.logger.log('The usage journal can be written again');
    }
  }

  private rotate(): void {
    const full = this.segment;
    this.segment = this.newSegment(full.sequence + 1);
    full.finish().catch((error: unknown) => this.failed(error));
  }

  private newSegment(sequence: number): Segment {
    fs.mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    if (!fs.existsSync(path.join(this.directory, OWNER_FILE))) {
      fs.writeFileSync(
        path.join(this.directory, OWNER_FILE),
        JSON.stringify({ domain: lockDomain(), pid: process.pid }),
        { mode: 0o600 },
      );
    }
    return new Segment(this.directory, sequence, this.options.writeSync);
  }

  /** Copies the intents of attempts that still run out of a segment that is to go. False when it must stay for now. */
  private carryOver(sequence: number): boolean {
    const running = [...this.open.values()].filter((intent) => intent.segment <= sequence);
    const bytes = running.reduce((sum, intent) => sum + intent.frameBytes, 0);
    // More would only move from segment to segment: the old one stays until some of them have ended.
    if (bytes > this.options.segmentBytes / 2) return false;
    try {
      for (const intent of running) {
        this.write(this.encode('intent', intent.payload));
        intent.segment = this.segment.sequence;
      }
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** In the background: to let go of a full segment takes a file system several milliseconds. */
  private remove(sequence: number): void {
    fs.rm(segmentPath(this.directory, sequence), { force: true }, (error) => {
      if (error) this.logger.error('A segment of the usage journal that is stored cannot be removed', error);
    });
  }

  private startTimers(): void {
    this.timers.push(
      setInterval(() => this.tick(), this.options.syncIntervalMs).unref(),
      setInterval(() => this.heartbeat(), this.options.silenceMs / HEARTBEATS_PER_SILENCE).unref(),
    );
  }

  private tick(): void {
    try {
      this.drainWaiting();
    } catch (error) {
      this.failed(error);
    }
    if (!this.segment.isSynced) this.segment.sync().catch((error: unknown) => this.failed(error));
  }

  private heartbeat(): void {
    const now = this.clock.now() / 1000;
    fs.utimes(path.join(this.directory, OWNER_FILE), now, now, (error) => {
      // Taken away while this process looked dead: go on in a new segment, whose directory is made again.
      if (error?.code === 'ENOENT' && this.timers.length > 0) this.rotate();
    });
  }

  private lost(): void {
    this.lostRequests += 1;
    if (this.lostRequests === 1)
      this.logger.error('The usage journal is full: requests that made no attempt are no longer recorded');
  }

  private failed(error: unknown): void {
    if (this.failing) return;
    this.failing = true;
    this.logger.error('The usage journal cannot be written: no new attempts until it can', error);
  }
}
