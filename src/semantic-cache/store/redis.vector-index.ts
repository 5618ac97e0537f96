import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { redisDuplicate, type RedisClient } from '../../platform/redis/redis-client';
import type { ParsedText } from '../guard/parse-text';
import { MemoryVectorIndex, type VectorLimits } from './memory.vector-index';
import {
  MAX_PARTITION_VECTORS,
  MAX_VECTORS,
  VectorIndex,
  type Neighbour,
  type VectorRecord,
  type VectorSize,
} from './vector-index';

/** Records read at a time. */
const PAGE = 500;
const BLOCK_MS = 2_000;
const RETRY_MS = 500;
/** The feed keeps this much more than the index holds, because removals are in it too. */
const FEED_SLACK = 1.2;

export interface RedisVectorIndexOptions {
  readonly client: RedisClient;
  readonly nowMs: () => number;
  /** Keeps several gateways on one Redis apart. */
  readonly name?: string;
  readonly limits?: VectorLimits;
}

type Change = ReadonlyMap<string, Buffer>;
type StreamPage = readonly (readonly [id: Buffer, fields: readonly Buffer[]])[];

/**
 * Searches in this process; every change goes over a Redis stream, so that all replicas hold the same. A replica that
 * starts, or that has missed part of the feed, reads all of it. Needs no module of Redis.
 */
export class RedisVectorIndex extends VectorIndex {
  override readonly isInProcess = true;
  private readonly logger = new Logger('Cache');
  private readonly client: RedisClient;
  private readonly reader: RedisClient;
  private readonly local: MemoryVectorIndex;
  private readonly key: string;
  private readonly feedLength: number;
  /** Of the last change that was read. */
  private position = '0-0';
  private isClosed = false;
  /** Its own changes are in its index before they are in the feed: it passes them over, up to what a new reading has undone. */
  private readonly writer = randomUUID();
  private written = 0;
  private undone = 0;
  private readonly reading: Promise<void>;

  constructor({
    client,
    nowMs,
    name = 'gateway',
    limits = { vectors: MAX_VECTORS, partition: MAX_PARTITION_VECTORS },
  }: RedisVectorIndexOptions) {
    super();
    this.client = client;
    // A connection of its own, because waiting for changes blocks it, and without the bound that requests have.
    this.reader = redisDuplicate(client, {
      commandTimeout: BLOCK_MS * 5,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    });
    this.reader.on('error', () => {});
    this.local = new MemoryVectorIndex(nowMs, limits);
    this.key = `{${name}:cache}:vectors`;
    this.feedLength = Math.ceil(limits.vectors * FEED_SLACK);
    this.reading = this.follow();
  }

  override async upsert(record: VectorRecord): Promise<void> {
    await this.local.upsert(record);
    const { id, partition, vector, text, floor, expiresAtMs } = record;
    const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
    await this.publish('id', id, 'p', partition, 'v', bytes, 't', text, 'f', String(floor), 'x', String(expiresAtMs));
  }

  override async remove(id: string): Promise<void> {
    await this.local.remove(id);
    await this.publish('id', id);
  }

  override search(partition: string, vector: Int8Array, count: number): Promise<Neighbour[]> {
    return this.local.search(partition, vector, count);
  }

  override mayHave(partition: string): boolean {
    return this.local.mayHave(partition);
  }

  override mayHaveLike(partition: string, asked: ParsedText): boolean {
    return this.local.mayHaveLike(partition, asked);
  }

  override has(id: string): boolean {
    return this.local.has(id);
  }

  override async clear(): Promise<void> {
    await this.local.clear();
    await this.client.xtrim(this.key, 'MAXLEN', 0);
    await this.publish('clear', '1');
  }

  override size(): Promise<VectorSize> {
    return this.local.size();
  }

  override async close(): Promise<void> {
    this.isClosed = true;
    this.reader.disconnect();
    await this.reading;
    await this.local.close();
  }

  private async publish(...fields: (string | Buffer)[]): Promise<void> {
    this.written += 1;
    const origin = ['w', this.writer, 'n', String(this.written)];
    await this.client.xadd(this.key, 'MAXLEN', '~', this.feedLength, '*', ...fields, ...origin);
  }

  private async follow(): Promise<void> {
    let mayHaveMissed = true;
    while (!this.isClosed) {
      try {
        if (mayHaveMissed) await this.catchUp();
        mayHaveMissed = false;
        const found = await this.reader.xreadBuffer(
          ...(['COUNT', PAGE, 'BLOCK', BLOCK_MS, 'STREAMS', this.key, this.position] as const),
        );
        const page = (found?.[0]?.[1] ?? []) as unknown as StreamPage;
        await this.take(page);
        // So far behind, the feed may be cut before it is read.
        mayHaveMissed = page.length === PAGE;
      } catch {
        mayHaveMissed = true;
        if (!this.isClosed) await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  /** Reads all of the feed when part of it has gone by unread, or when it is another one than before. */
  private async catchUp(): Promise<void> {
    const [first] = (await this.reader.xrange(this.key, '-', '+', 'COUNT', 1)) as [string, string[]][];
    const [last] = (await this.reader.xrevrange(this.key, '+', '-', 'COUNT', 1)) as [string, string[]][];
    const isCut = first !== undefined && isBefore(this.position, first[0]);
    const isOther = last !== undefined && isBefore(last[0], this.position);
    if (this.position !== '0-0' && !isCut && !isOther) return;
    await this.local.clear();
    this.position = '0-0';
    this.undone = Infinity;
    let count = 0;
    for (;;) {
      const page = (await this.reader.xrangeBuffer(
        ...([this.key, `(${this.position}`, '+', 'COUNT', PAGE] as const),
      )) as unknown as StreamPage;
      await this.take(page);
      count += page.length;
      if (page.length < PAGE || this.isClosed) break;
    }
    this.undone = this.written;
    if (count > 0) this.logger.log(`The index of the cache has read ${count} changes`);
  }

  private async take(page: StreamPage): Promise<void> {
    for (const [id, fields] of page) {
      const change = changeOf(fields);
      const isOwn = change.get('w')?.toString() === this.writer && Number(change.get('n')) > this.undone;
      if (!isOwn) await this.apply(change);
      this.position = id.toString();
    }
  }

  private async apply(change: Change): Promise<void> {
    const text = (field: string): string => change.get(field)?.toString() ?? '';
    if (change.has('clear')) return this.local.clear();
    const vector = change.get('v');
    if (!vector) return this.local.remove(text('id'));
    return this.local.upsert({
      id: text('id'),
      partition: text('p'),
      vector: new Int8Array(vector),
      text: text('t'),
      floor: Number(text('f')),
      expiresAtMs: Number(text('x')),
    });
  }
}

function changeOf(fields: readonly Buffer[]): Change {
  const change = new Map<string, Buffer>();
  for (let index = 0; index + 1 < fields.length; index += 2) change.set(fields[index]!.toString(), fields[index + 1]!);
  return change;
}

/** Ids of a stream are a time and a number: `1700000000000-0`. */
function isBefore(left: string, right: string): boolean {
  const [leftTime, leftNumber] = left.split('-').map(Number) as [number, number];
  const [rightTime, rightNumber] = right.split('-').map(Number) as [number, number];
  return leftTime < rightTime || (leftTime === rightTime && leftNumber < rightNumber);
}
