import type { Clock } from '../../platform/clock';
import { redisDuplicate, type RedisClient } from '../../platform/redis/redis-client';
import { RemoteVectorIndex } from './remote.vector-index';
import {
  CLEAR_VECTORS_SCRIPT,
  DROP_VECTOR_SCRIPT,
  PUT_VECTOR_SCRIPT,
  VECTORS_SIZE_SCRIPT,
} from './redis-vector-sets.scripts';
import { lengthOf, type Neighbour, type VectorRecord, type VectorSize } from './vector-index';
import type { VectorLimits } from './vector-slab';

/** A vector of 512 numbers takes about 2.2 KB of Redis; every one of its partition is compared with, at 1 to 3 ms for 1,000. */
const LIMITS: VectorLimits = { vectors: 500_000, partition: 50_000 };
/** How long a request waits for neighbours before it goes on as a miss. */
const SEARCH_MS = 250;
/** Of the numbers that stand before the vector in what is kept with it: its floor, and how many bytes the vector has. */
const FLOOR_BYTES = 8;
const LENGTH_BYTES = 4;

export interface RedisVectorSetsOptions {
  readonly client: RedisClient;
  readonly clock: Clock;
  /** Keeps several gateways on one Redis apart. */
  readonly name?: string;
  readonly limits?: VectorLimits;
}

/**
 * Searches in the vector sets of Redis 8: for more vectors than a process should hold, without another database. Exact:
 * every vector of the partition is compared with (`TRUTH`), in a thread of Redis, over a connection of its own, since
 * Redis answers nothing else on it meanwhile. What is closest to its end goes first when there is no room.
 */
export class RedisVectorSetsIndex extends RemoteVectorIndex {
  private readonly client: RedisClient;
  private readonly reader: RedisClient;
  private readonly limits: VectorLimits;
  private readonly prefix: string;
  private readonly keys: readonly string[];

  constructor({ client, clock, name = 'gateway', limits = LIMITS }: RedisVectorSetsOptions) {
    super(clock, {
      place: 'Redis',
      advice: 'cache.index "redis-vectors" needs the vector sets of Redis 8.0 or newer',
    });
    [this.client, this.limits] = [client, limits];
    this.reader = redisDuplicate(client, {
      commandTimeout: SEARCH_MS,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    });
    this.reader.on('error', () => {});
    this.prefix = `{${name}:cache}:vectors:`;
    this.keys = ['at', 'ends', 'sets'].map((key) => this.prefix + key);
  }

  override async upsert(record: VectorRecord): Promise<void> {
    const now = this.clock.now();
    const { id, partition, vector, expiresAtMs } = record;
    if (expiresAtMs <= now) return;
    const what = [id, setOf(partition, vector), floatsOf(vector), keptOf(record)];
    const { vectors, partition: most } = this.limits;
    await this.attempt(() => this.script(PUT_VECTOR_SCRIPT, ...what, now, expiresAtMs, vectors, most));
  }

  override async remove(id: string): Promise<void> {
    await this.attempt(() => this.script(DROP_VECTOR_SCRIPT, id));
  }

  override search(partition: string, vector: Int8Array, count: number): Promise<Neighbour[]> {
    return this.attempt(async () => {
      const name = setOf(partition, vector);
      const isLive = `.x > ${this.clock.now()}`;
      const query = ['FP32', floatsOf(vector), 'COUNT', count, 'FILTER', isLive, 'TRUTH'];
      const ids = (await this.reader.call('VSIM', `${this.prefix}v:${name}`, ...query)) as string[];
      if (ids.length === 0) return [];
      const kept = await this.reader.hmgetBuffer(`${this.prefix}r:${name}`, ...ids);
      return kept
        .flatMap((bytes, place) => (bytes ? [neighbourOf(ids[place]!, bytes, vector)] : []))
        .sort((left, right) => right.similarity - left.similarity);
    });
  }

  override async clear(): Promise<void> {
    await this.attempt(() => this.script(CLEAR_VECTORS_SCRIPT));
  }

  override async size(): Promise<VectorSize> {
    const size = (await this.attempt(() => this.script(VECTORS_SIZE_SCRIPT, this.clock.now()))) as [
      number,
      number,
      number,
    ];
    const [vectors, partitions, bytes] = size;
    return { vectors, partitions, bytes };
  }

  override close(): Promise<void> {
    this.reader.disconnect();
    return Promise.resolve();
  }

  private script(text: string, ...values: (string | number | Buffer)[]): Promise<unknown> {
    return this.client.eval(text, this.keys.length, ...this.keys, this.prefix, ...values);
  }
}

/** Only vectors of one dimension can be in one set. */
const setOf = (partition: string, vector: Int8Array): string => `${vector.length}:${partition}`;

const floatsOf = (vector: Int8Array): Buffer => Buffer.from(Float32Array.from(vector).buffer);

function keptOf({ vector, text, floor }: VectorRecord): Buffer {
  const head = Buffer.alloc(FLOOR_BYTES + LENGTH_BYTES);
  head.writeDoubleLE(floor, 0);
  head.writeUInt32LE(vector.length, FLOOR_BYTES);
  return Buffer.concat([head, Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength), Buffer.from(text)]);
}

/** Redis rounds vectors in a way of its own: what it has found is compared again, by the bytes as they were put in. */
function neighbourOf(id: string, kept: Buffer, asked: Int8Array): Neighbour {
  const end = FLOOR_BYTES + LENGTH_BYTES + kept.readUInt32LE(FLOOR_BYTES);
  const vector = new Int8Array(kept.subarray(FLOOR_BYTES + LENGTH_BYTES, end));
  let dot = 0;
  for (let place = 0; place < vector.length; place += 1) dot += vector[place]! * asked[place]!;
  const similarity = dot / (lengthOf(vector) * lengthOf(asked) || 1);
  return { id, text: kept.subarray(end).toString(), floor: kept.readDoubleLE(0), similarity };
}
