/** What an engine adds to the scripts below, in Lua. */
export interface Engine {
  /** Keeps the vector `ARGV[4]` and what belongs to it, `ARGV[5]`, of `id` in the set `name` until `expires`. */
  readonly put: string;
  /** Drops those of `id` in the set `name`. */
  readonly drop: string;
  /** Keys, beside those of the lists, that hold what is in the set `name`, as Lua expressions. They end with the last in it. */
  readonly setKeys: readonly string[];
  /** Drops everything, or a part; gives how many vectors are left. */
  readonly clear: string;
  /** Gives `bytes`, about how many all vectors take, by the look of some. */
  readonly bytes: string;
}

export interface HeldScripts {
  /** ARGV: prefix, id, set, vector in floats, what is kept with it, now, expires, max vectors, max of a set. */
  readonly put: string;
  /** ARGV: prefix, id. */
  readonly drop: string;
  /** ARGV: prefix. Gives how many vectors are left, for another call. */
  readonly clear: string;
  /** ARGV: prefix, now. Gives how many vectors and sets there are, and about how many bytes they take. */
  readonly size: string;
}

/**
 * KEYS are at, ends and sets: `at` holds the set that each id is in, `ends` the ids by the end of their time, `sets` the names
 * of all sets. The list `o:` of each set has its ids by the end of their time. Every key shares one hash tag, so that the
 * scripts also run on Redis Cluster.
 */
export function heldScripts({ put, drop, setKeys, clear, bytes }: Engine): HeldScripts {
  const head = `
local at, ends, sets = KEYS[1], KEYS[2], KEYS[3]
local prefix = ARGV[1]
local function drop(id)
  local name = redis.call('HGET', at, id)
  redis.call('ZREM', ends, id)
  -- A Redis that is short of memory may have turned out any of the lists.
  if not name then return end
  redis.call('HDEL', at, id)
  ${drop}
  redis.call('ZREM', prefix .. 'o:' .. name, id)
  if redis.call('EXISTS', prefix .. 'o:' .. name) == 0 then redis.call('SREM', sets, name) end
end
`;
  return {
    put: `${head}
local id, name, now, expires = ARGV[2], ARGV[3], ARGV[6], tonumber(ARGV[7])
local order = prefix .. 'o:' .. name
drop(id)
${put}
redis.call('ZADD', order, expires, id)
redis.call('HSET', at, id, name)
redis.call('ZADD', ends, expires, id)
redis.call('SADD', sets, name)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)) do drop(old) end
local function cut(list, most)
  local over = redis.call('ZCARD', list) - tonumber(most)
  if over <= 0 then return end
  for _, old in ipairs(redis.call('ZRANGE', list, 0, over - 1)) do
    drop(old)
    redis.call('ZREM', list, old)
  end
end
cut(order, ARGV[9])
cut(ends, ARGV[8])
for _, key in ipairs({ at, ends, sets, order${setKeys.map((key) => `, ${key}`).join('')} }) do
  if redis.call('PEXPIRETIME', key) < expires then redis.call('PEXPIREAT', key, ARGV[7]) end
end
`,
    drop: `${head}
drop(ARGV[2])
`,
    clear: `${head}
${clear}
`,
    size: `${head}
local bytes = 0
${bytes}
return { redis.call('ZCOUNT', ends, '(' .. ARGV[2], '+inf'), redis.call('SCARD', sets), math.floor(bytes) }
`,
  };
}
