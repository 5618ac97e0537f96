import type { Clock } from '../../platform/clock';
import { redisDuplicate, type RedisClient } from '../../platform/redis/redis-client';
import type { HeldScripts } from './redis-held.scripts';
import { RemoteVectorIndex, type Whereabouts } from './remote.vector-index';
import { lengthOf, type Neighbour, type VectorRecord, type VectorSize } from './vector-index';
import type { VectorLimits } from './vector-slab';

/** Every one of its partition is compared with, at milliseconds for a thousand. */
const LIMITS: VectorLimits = { vectors: 500_000, partition: 50_000 };
/** How long a request waits for neighbours before it goes on as a miss. */
export const SEARCH_MS = 250;
/** Of the numbers that stand before the vector in what is kept with it: its floor, and how many bytes the vector has. */
const FLOOR_BYTES = 8;
const LENGTH_BYTES = 4;

export interface RedisHeldOptions {
  readonly client: RedisClient;
  readonly clock: Clock;
  /** Keeps several gateways on one Redis apart. */
  readonly name?: string;
  readonly limits?: VectorLimits;
}

/** What was found near: the id, and what `upsert` kept with its vector. */
export type Held = readonly [id: string, kept: Buffer];

/**
 * An index that an engine in Redis holds and searches, for more vectors than a process should hold. What is closest to its
 * end goes first when there is no room.
 */
export abstract class RedisHeldIndex extends RemoteVectorIndex {
  protected readonly client: RedisClient;
  /** A connection of its own: nothing else has to wait for a search. */
  protected readonly reader: RedisClient;
  protected readonly prefix: string;
  private readonly limits: VectorLimits;
  private readonly keys: readonly string[];

  protected constructor(
    { client, clock, name = 'gateway', limits = LIMITS }: RedisHeldOptions,
    where: Whereabouts & { readonly keys: string },
    private readonly scripts: HeldScripts,
  ) {
    super(clock, where);
    [this.client, this.limits] = [client, limits];
    this.reader = redisDuplicate(client, {
      commandTimeout: SEARCH_MS,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    });
    this.reader.on('error', () => {});
    this.prefix = `{${name}:cache}:${where.keys}:`;
    this.keys = ['at', 'ends', 'sets'].map((key) => this.prefix + key);
  }

  override async upsert(record: VectorRecord): Promise<void> {
    const now = this.clock.now();
    const { id, partition, vector, expiresAtMs } = record;
    if (expiresAtMs <= now) return;
    const what = [id, this.setOf(partition, vector), this.floatsOf(vector), keptOf(record)];
    const { vectors, partition: most } = this.limits;
    await this.attempt(async () => {
      await this.prepare(vector.length);
      await this.script(this.scripts.put, ...what, now, expiresAtMs, vectors, most);
    });
  }

  override async remove(id: string): Promise<void> {
    await this.attempt(() => this.script(this.scripts.drop, id));
  }

  override search(partition: string, vector: Int8Array, count: number): Promise<Neighbour[]> {
    return this.attempt(async () =>
      (await this.nearest(partition, vector, count))
        .map(([id, kept]) => neighbourOf(id, kept, vector))
        .sort((left, right) => right.similarity - left.similarity),
    );
  }

  override async clear(): Promise<void> {
    await this.attempt(async () => {
      // Others may put in more meanwhile, but nothing is dropped twice.
      for (let left = Infinity, before = Infinity; left > 0; before = left) {
        left = Number(await this.script(this.scripts.clear));
        if (left >= before) throw new Error(`${left} vectors cannot be dropped`);
      }
    });
  }

  override async size(): Promise<VectorSize> {
    const figures = await this.attempt(() => this.script(this.scripts.size, this.clock.now()));
    const [vectors, partitions, bytes] = figures as [number, number, number];
    return { vectors, partitions, bytes };
  }

  override close(): Promise<void> {
    this.reader.disconnect();
    return Promise.resolve();
  }

  /** The nearest that have not ended, in any order. */
  protected abstract nearest(partition: string, vector: Int8Array, count: number): Promise<readonly Held[]>;

  /** Called before a vector of this dimension is kept. */
  protected abstract prepare(dimension: number): Promise<void>;

  /** Only vectors of one dimension can be in one set. */
  protected setOf(partition: string, vector: Int8Array): string {
    return `${vector.length}:${partition}`;
  }

  /** As the engine wants it. */
  protected floatsOf(vector: Int8Array): Buffer {
    return Buffer.from(Float32Array.from(vector).buffer);
  }

  private script(text: string, ...values: (string | number | Buffer)[]): Promise<unknown> {
    return this.client.eval(text, this.keys.length, ...this.keys, this.prefix, ...values);
  }
}

function keptOf({ vector, text, floor }: VectorRecord): Buffer {
  const head = Buffer.alloc(FLOOR_BYTES + LENGTH_BYTES);
  head.writeDoubleLE(floor, 0);
  head.writeUInt32LE(vector.length, FLOOR_BYTES);
  return Buffer.concat([head, Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength), Buffer.from(text)]);
}

/** Engines round in ways of their own: what one has found is compared again, by the bytes as they were put in. */
function neighbourOf(id: string, kept: Buffer, asked: Int8Array): Neighbour {
  const end = FLOOR_BYTES + LENGTH_BYTES + kept.readUInt32LE(FLOOR_BYTES);
  const vector = new Int8Array(kept.subarray(FLOOR_BYTES + LENGTH_BYTES, end));
  let dot = 0;
  for (let place = 0; place < vector.length; place += 1) dot += vector[place]! * asked[place]!;
  const similarity = dot / (lengthOf(vector) * lengthOf(asked) || 1);
  return { id, text: kept.subarray(end).toString(), floor: kept.readDoubleLE(0), similarity };
}
