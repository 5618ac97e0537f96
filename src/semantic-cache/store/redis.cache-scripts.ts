/**
 * Every key shares one hash tag, so that the scripts also run on Redis Cluster. `index` holds the ids by the end of their
 * time, `sizes` their bytes, `total` the sum of them.
 *
 * An entry is a hash: `e` the epoch it belongs to, `d` its text, `w` the key of its words, and what lists show. A flush
 * only counts the epoch up; entries of an older one are absent from then on and leave by their own expiry.
 */

const DROP = `
local function drop(id)
  local size = redis.call('HGET', sizes, id)
  if size then
    redis.call('DECRBY', total, size)
    redis.call('HDEL', sizes, id)
  end
  redis.call('ZREM', index, id)
  return redis.call('DEL', prefix .. 'e:' .. id)
end
`;

const HEAD = `
local index, sizes, total, epoch = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix = ARGV[1]
`;

/** KEYS: index, sizes, total, epoch. ARGV: prefix, id, text, words key or '', now, expires, max entries, max bytes, max alike. */
export const PUT_SCRIPT = `${HEAD}${DROP}
local id, text, words = ARGV[2], ARGV[3], ARGV[4]
local now, expires = tonumber(ARGV[5]), tonumber(ARGV[6])
drop(id)
local key = prefix .. 'e:' .. id
redis.call('HSET', key, 'd', text, 'e', redis.call('GET', epoch) or '0', 'w', words)
redis.call('PEXPIRE', key, expires - now)
redis.call('ZADD', index, expires, id)
redis.call('HSET', sizes, id, #text)
redis.call('INCRBY', total, #text)
if words ~= '' then
  local list = prefix .. 'w:' .. words
  redis.call('LREM', list, 0, id)
  redis.call('LPUSH', list, id)
  redis.call('LTRIM', list, 0, tonumber(ARGV[9]) - 1)
  redis.call('PEXPIRE', list, math.max(expires - now, redis.call('PTTL', list)))
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, 100)) do drop(old) end
local over = redis.call('ZCARD', index) - tonumber(ARGV[7])
while over > 0 or tonumber(redis.call('GET', total) or '0') > tonumber(ARGV[8]) do
  local first = redis.call('ZRANGE', index, 0, 0)[1]
  if not first then break end
  drop(first)
  over = over - 1
end
return redis.call('EXISTS', key)
`;

/** KEYS as above. ARGV: prefix, ids. Gives how many of them there were. */
export const DROP_SCRIPT = `${HEAD}${DROP}
local removed = 0
for position = 2, #ARGV do removed = removed + drop(ARGV[position]) end
return removed
`;

/** KEYS as above. ARGV: prefix, id, id of the question that is asked. Gives the text of the entry or false. */
export const TAKE_SCRIPT = `${HEAD}
local id = ARGV[2]
if redis.call('EXISTS', prefix .. 'b:' .. id, prefix .. 'b:' .. ARGV[3]) > 0 then return false end
local found = redis.call('HMGET', prefix .. 'e:' .. id, 'd', 'e')
return found[2] == (redis.call('GET', epoch) or '0') and found[1]
`;

/** KEYS as above. ARGV: prefix, id, words key or ''. Gives the epoch's text of the entry or false, then texts of the same words. */
export const FIND_SCRIPT = `${HEAD}
local now = redis.call('GET', epoch) or '0'
local function read(id)
  local found = redis.call('HMGET', prefix .. 'e:' .. id, 'd', 'e')
  if found[1] and found[2] == now then return found[1] end
  return false
end
local id, words = ARGV[2], ARGV[3]
local result = { read(id) }
if result[1] or words == '' or redis.call('EXISTS', prefix .. 'b:' .. id) == 1 then return result end
for _, other in ipairs(redis.call('LRANGE', prefix .. 'w:' .. words, 0, -1)) do
  if other ~= id and redis.call('EXISTS', prefix .. 'b:' .. other) == 0 then
    local text = read(other)
    if text then result[#result + 1] = text end
  end
end
return result
`;
