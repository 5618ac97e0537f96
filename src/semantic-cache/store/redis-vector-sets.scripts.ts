/**
 * Every key shares one hash tag, so that the scripts also run on Redis Cluster. `at` holds the set that each id is in,
 * `ends` the ids by the end of their time, `sets` the names of all sets. A set is three keys: `v:` its vectors (a vector
 * set), `r:` what is kept with each, `o:` its ids by the end of their time. All of them go when the last of it has ended.
 *
 * The graph of a vector set is made as small as it may be: nobody searches by it.
 */
const HEAD = `
local at, ends, sets = KEYS[1], KEYS[2], KEYS[3]
local prefix = ARGV[1]
local function drop(id)
  local name = redis.call('HGET', at, id)
  if not name then return end
  redis.call('HDEL', at, id)
  redis.call('ZREM', ends, id)
  redis.call('VREM', prefix .. 'v:' .. name, id)
  redis.call('HDEL', prefix .. 'r:' .. name, id)
  redis.call('ZREM', prefix .. 'o:' .. name, id)
  if redis.call('EXISTS', prefix .. 'o:' .. name) == 0 then redis.call('SREM', sets, name) end
end
`;

/** KEYS: at, ends, sets. ARGV: prefix, id, set, vector in floats, what is kept with it, now, expires, max vectors, max of a set. */
export const PUT_VECTOR_SCRIPT = `${HEAD}
local id, name, now, expires = ARGV[2], ARGV[3], ARGV[6], tonumber(ARGV[7])
local vectors, records, order = prefix .. 'v:' .. name, prefix .. 'r:' .. name, prefix .. 'o:' .. name
drop(id)
redis.call('VADD', vectors, 'FP32', ARGV[4], id, 'Q8', 'EF', 1, 'SETATTR', '{"x":' .. ARGV[7] .. '}', 'M', 4)
redis.call('HSET', records, id, ARGV[5])
redis.call('ZADD', order, expires, id)
redis.call('HSET', at, id, name)
redis.call('ZADD', ends, expires, id)
redis.call('SADD', sets, name)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)) do drop(old) end
local function cut(list, most)
  local over = redis.call('ZCARD', list) - tonumber(most)
  if over <= 0 then return end
  for _, old in ipairs(redis.call('ZRANGE', list, 0, over - 1)) do drop(old) end
end
cut(order, ARGV[9])
cut(ends, ARGV[8])
for _, key in ipairs({ at, ends, sets, vectors, records, order }) do
  if redis.call('PEXPIRETIME', key) < expires then redis.call('PEXPIREAT', key, ARGV[7]) end
end
`;

/** KEYS as above. ARGV: prefix, id. */
export const DROP_VECTOR_SCRIPT = `${HEAD}
drop(ARGV[2])
`;

/** KEYS as above. ARGV: prefix. */
export const CLEAR_VECTORS_SCRIPT = `${HEAD}
for _, name in ipairs(redis.call('SMEMBERS', sets)) do
  redis.call('UNLINK', prefix .. 'v:' .. name, prefix .. 'r:' .. name, prefix .. 'o:' .. name)
end
redis.call('UNLINK', at, ends, sets)
`;

/** KEYS as above. ARGV: prefix, now. Gives how many vectors and sets there are, and about how many bytes, by a hundred of the sets. */
export const VECTORS_SIZE_SCRIPT = `${HEAD}
local some, all = redis.call('SRANDMEMBER', sets, 100), redis.call('SCARD', sets)
local bytes = 0
for _, name in ipairs(some) do
  for _, kind in ipairs({ 'v:', 'r:', 'o:' }) do
    bytes = bytes + (redis.call('MEMORY', 'USAGE', prefix .. kind .. name) or 0)
  end
end
return { redis.call('ZCOUNT', ends, '(' .. ARGV[2], '+inf'), all, math.floor(bytes * all / math.max(1, #some)) }
`;
