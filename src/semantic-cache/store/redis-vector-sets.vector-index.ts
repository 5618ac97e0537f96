import { heldScripts } from './redis-held.scripts';
import { RedisHeldIndex, type Held, type RedisHeldOptions } from './redis-held.vector-index';

/**
 * A set is two keys beside its list: `v:` its vectors (a vector set), `r:` what is kept with each. All of them go when the
 * last of it has ended. The graph of a vector set is made as small as it may be: nobody searches by it.
 */
const SCRIPTS = heldScripts({
  put: `
redis.call('VADD', prefix .. 'v:' .. name, 'FP32', ARGV[4], id, 'Q8', 'EF', 1, 'SETATTR', '{"x":' .. ARGV[7] .. '}', 'M', 4)
redis.call('HSET', prefix .. 'r:' .. name, id, ARGV[5])`,
  drop: `
  redis.call('VREM', prefix .. 'v:' .. name, id)
  redis.call('HDEL', prefix .. 'r:' .. name, id)`,
  setKeys: ["prefix .. 'v:' .. name", "prefix .. 'r:' .. name"],
  clear: `
for _, name in ipairs(redis.call('SMEMBERS', sets)) do
  redis.call('UNLINK', prefix .. 'v:' .. name, prefix .. 'r:' .. name, prefix .. 'o:' .. name)
end
redis.call('UNLINK', at, ends, sets)
return 0`,
  bytes: `
local some = redis.call('SRANDMEMBER', sets, 100)
for _, name in ipairs(some) do
  for _, kind in ipairs({ 'v:', 'r:', 'o:' }) do
    bytes = bytes + (redis.call('MEMORY', 'USAGE', prefix .. kind .. name) or 0)
  end
end
bytes = bytes * redis.call('SCARD', sets) / math.max(1, #some)`,
});

/**
 * Searches in the vector sets of Redis 8, without another database. Exact: every vector of the partition is compared with
 * (`TRUTH`), in a thread of Redis, over a connection of its own, since Redis answers nothing else on it meanwhile. A vector of
 * 512 numbers takes about 2.2 KB, and a search 1 to 3 ms for 1,000.
 */
export class RedisVectorSetsIndex extends RedisHeldIndex {
  constructor(options: RedisHeldOptions) {
    super(
      options,
      {
        keys: 'vectors',
        place: 'Redis',
        advice: 'cache.index "redis-vectors" needs the vector sets of Redis 8.0 or newer',
      },
      SCRIPTS,
    );
  }

  protected override prepare(): Promise<void> {
    return Promise.resolve();
  }

  protected override async nearest(partition: string, vector: Int8Array, count: number): Promise<Held[]> {
    const name = this.setOf(partition, vector);
    const isLive = `.x > ${this.clock.now()}`;
    const query = ['FP32', this.floatsOf(vector), 'COUNT', count, 'FILTER', isLive, 'TRUTH'];
    const ids = (await this.reader.call('VSIM', `${this.prefix}v:${name}`, ...query)) as string[];
    if (ids.length === 0) return [];
    const kept = await this.reader.hmgetBuffer(`${this.prefix}r:${name}`, ...ids);
    return kept.flatMap((bytes, place): Held[] => (bytes ? [[ids[place]!, bytes]] : []));
  }
}
