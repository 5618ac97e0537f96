import { heldScripts } from './redis-held.scripts';
import { RedisHeldIndex, SEARCH_MS, type Held, type RedisHeldOptions } from './redis-held.vector-index';
import { lengthOf } from './vector-index';

/** A vector is a hash of its own: `p` its partition, `x` the end of its time, `v` its floats, `k` what is kept with it. */
const HASH = `prefix .. 'h:' .. string.match(name, '^%d+') .. ':' .. id`;
const CLEARED_PER_CALL = 200;
/** Longer than who asks waits: an engine that gives up first answers with a part, as if it were all. */
const TIMEOUT_MS = 2 * SEARCH_MS;

const SCRIPTS = heldScripts({
  put: `
local hash = ${HASH}
redis.call('HSET', hash, 'p', string.match(name, ':(.*)$'), 'x', ARGV[7], 'v', ARGV[4], 'k', ARGV[5])
redis.call('PEXPIREAT', hash, ARGV[7])`,
  drop: `redis.call('UNLINK', ${HASH})`,
  setKeys: [],
  clear: `
for _, id in ipairs(redis.call('ZRANGE', ends, 0, ${CLEARED_PER_CALL - 1})) do drop(id) end
return redis.call('ZCARD', ends)`,
  // The engine has a copy of the numbers, and its own notes on each: 1.5 KB, as Redis' used_memory grows by it.
  bytes: `
local some = redis.call('ZRANGE', ends, 0, 99)
for _, id in ipairs(some) do
  local name = redis.call('HGET', at, id)
  if name then
    bytes = bytes + (redis.call('MEMORY', 'USAGE', ${HASH}) or 0) + 4 * tonumber(string.match(name, '^%d+')) + 1500
  end
end
bytes = bytes * redis.call('ZCARD', ends) / math.max(1, #some)`,
});

/** One reply of a search: how many there are, then the key and the fields that were asked for, of each. */
type SearchReply = readonly [number, ...(Buffer | readonly Buffer[])[]];

/**
 * Searches with `FT.SEARCH`, the query engine of Redis Stack (RediSearch) and of Redis 8, on Redis 7.0 or newer. Exact: the
 * index is flat. A vector of 512 numbers takes about 7 KB. The engine's index of a dimension stays, empty, when all vectors
 * have gone.
 */
export class RediSearchIndex extends RedisHeldIndex {
  /** Dimensions that there is an index for, as far as this process knows. */
  private readonly made = new Set<number>();

  constructor(options: RedisHeldOptions) {
    super(
      options,
      {
        keys: 'search',
        place: 'Redis',
        advice:
          'cache.index "redisearch" needs a Redis 7.0 or newer with FT.SEARCH: Redis Stack, or Redis 8 with its query engine',
      },
      SCRIPTS,
    );
  }

  /** A tag has at least one character and none with a meaning in queries, and no two partitions have one tag. */
  protected override setOf(partition: string, vector: Int8Array): string {
    return super.setOf(`t${Buffer.from(partition).toString('hex')}`, vector);
  }

  /** Of length one, whose product is their cosine: to the engine nothing is near a vector without a direction, not even itself. */
  protected override floatsOf(vector: Int8Array): Buffer {
    const length = lengthOf(vector) || 1;
    return Buffer.from(Float32Array.from(vector, (value) => value / length).buffer);
  }

  protected override async prepare(dimension: number): Promise<void> {
    if (this.made.has(dimension)) return;
    const schema = ['p', 'TAG', 'x', 'NUMERIC', 'v', 'VECTOR', 'FLAT', 6];
    const vector = ['TYPE', 'FLOAT32', 'DIM', dimension, 'DISTANCE_METRIC', 'IP'];
    const hashes = ['ON', 'HASH', 'PREFIX', 1, `${this.prefix}h:${dimension}:`];
    try {
      await this.client.call('FT.CREATE', this.nameOf(dimension), ...hashes, 'SCHEMA', ...schema, ...vector);
    } catch (error) {
      if (!/already exists/i.test(String(error))) throw error;
    }
    this.made.add(dimension);
  }

  protected override async nearest(partition: string, vector: Int8Array, count: number): Promise<Held[]> {
    const [, tag = ''] = this.setOf(partition, vector).split(':');
    const isMeant = `@p:{${tag}} @x:[${this.clock.now() + 1} +inf]`;
    const query = [`(${isMeant})=>[KNN ${count} @v $asked]`, 'PARAMS', 2, 'asked', this.floatsOf(vector)];
    const wanted = ['RETURN', 2, 'p', 'k', 'LIMIT', 0, count, 'TIMEOUT', TIMEOUT_MS, 'DIALECT', 2];
    const index = this.nameOf(vector.length);
    try {
      const [, ...found] = (await this.reader.callBuffer('FT.SEARCH', index, ...query, ...wanted)) as SearchReply;
      return heldOf(found, tag, `${this.prefix}h:${vector.length}:`.length);
    } catch (error) {
      if (!/no such index|unknown index|not found/i.test(String(error))) throw error;
      // Nothing was ever kept, or all of Redis was emptied; or what is there is read in from now on, and no part is all.
      this.made.delete(vector.length);
      await this.prepare(vector.length);
      if ((await this.client.zcard(`${this.prefix}ends`)) > 0) throw error;
      return [];
    }
  }

  private nameOf(dimension: number): string {
    return `${this.prefix}i:${dimension}`;
  }
}

/** What is really of the partition: a hash that ended between the search and the reply has no fields. */
function heldOf(found: readonly (Buffer | readonly Buffer[])[], tag: string, prefixLength: number): Held[] {
  const held: Held[] = [];
  for (let place = 0; place + 1 < found.length; place += 2) {
    const [key, fields] = [found[place], found[place + 1]];
    if (!Buffer.isBuffer(key) || !Array.isArray(fields)) continue;
    const { p: partition, k: kept } = membersOf(fields as readonly Buffer[]);
    if (kept && partition?.toString() === tag) held.push([key.toString().slice(prefixLength), kept]);
  }
  return held;
}

const membersOf = (fields: readonly Buffer[]): Record<string, Buffer | undefined> =>
  Object.fromEntries(fields.flatMap((name, place) => (place % 2 === 0 ? [[name.toString(), fields[place + 1]]] : [])));
