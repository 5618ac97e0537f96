/**
 * Every key shares one hash tag, so that the scripts also run on Redis Cluster. `index` holds the ids by the end of their
 * time, `sizes` their bytes, `total` the sum of them, `links` the ids of linked questions by the end of their link.
 *
 * An entry is a hash: `e` the epoch it belongs to, `d` its text, `x` until when it is fresh, `w` the key of its words. A
 * link is one of `e`, `d`, `t` the entry it leads to and `s` the similarity. `f:` and an id hold the token of who asks for
 * that entry's answer. A flush only counts the epoch up; what is of an older one is absent from then on and leaves by its
 * own expiry.
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
local index, sizes, total, epoch, links = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local prefix = ARGV[1]
`;

/** KEYS: index, sizes, total, epoch, links. ARGV: prefix, id, text, words key or '', now, kept until, max entries, max bytes, max alike, fresh until. */
export const PUT_SCRIPT = `${HEAD}${DROP}
local id, text, words = ARGV[2], ARGV[3], ARGV[4]
local now, expires = tonumber(ARGV[5]), tonumber(ARGV[6])
drop(id)
local key = prefix .. 'e:' .. id
redis.call('HSET', key, 'd', text, 'e', redis.call('GET', epoch) or '0', 'w', words, 'x', ARGV[10])
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

/**
 * KEYS as above. ARGV: prefix, id, words key or '', now, token or '', milliseconds of the lease, id of a near question or ''.
 * Gives the text of the entry or false, the similarity of the linked question or false, its text or false, `taken` or `held`
 * when there was a token and nothing fresh, the text of the near entry or false, then texts of the same words: all but the
 * first only without a fresh entry.
 */
export const FIND_SCRIPT = `${HEAD}
local current = redis.call('GET', epoch) or '0'
local function read(id)
  local found = redis.call('HMGET', prefix .. 'e:' .. id, 'd', 'e', 'x')
  if found[1] and found[2] == current then return found[1], tonumber(found[3]) > tonumber(ARGV[4]) end
  return false, false
end
local function isBarred(id) return redis.call('EXISTS', prefix .. 'b:' .. id) == 1 end
local id, words = ARGV[2], ARGV[3]
local own, isFresh = read(id)
local result = { own, false, false, false, false }
if isFresh then return result end
local isApart = isBarred(id)
local near = ARGV[7]
if near ~= '' and not isApart and not isBarred(near) then
  local text, isNearFresh = read(near)
  if isNearFresh then result[5] = text end
end
if words ~= '' and not isApart then
  local link = redis.call('HMGET', prefix .. 'a:' .. id, 't', 's', 'e')
  if link[1] and link[3] == current and not isBarred(link[1]) then
    local text, isLinkedFresh = read(link[1])
    if isLinkedFresh then result[2], result[3] = link[2], text end
  end
  for _, other in ipairs(redis.call('LRANGE', prefix .. 'w:' .. words, 0, -1)) do
    if other ~= id and not isBarred(other) then
      local text, isOtherFresh = read(other)
      if isOtherFresh then result[#result + 1] = text end
    end
  end
end
if ARGV[5] ~= '' and not result[3] and not result[5] and #result == 5 then
  local isTaken = redis.call('SET', prefix .. 'f:' .. id, ARGV[5], 'PX', ARGV[6], 'NX')
  result[4] = isTaken and 'taken' or 'held'
end
return result
`;

/** KEYS as above. ARGV: prefix, id, text, entry's id, similarity, now, expires, max links. */
export const LINK_SCRIPT = `${HEAD}
local id, now, expires = ARGV[2], tonumber(ARGV[6]), tonumber(ARGV[7])
local key = prefix .. 'a:' .. id
redis.call('HSET', key, 'd', ARGV[3], 't', ARGV[4], 's', ARGV[5], 'e', redis.call('GET', epoch) or '0')
redis.call('PEXPIRE', key, expires - now)
redis.call('ZADD', links, expires, id)
redis.call('ZREMRANGEBYSCORE', links, '-inf', now)
local over = redis.call('ZCARD', links) - tonumber(ARGV[8])
if over > 0 then
  for _, old in ipairs(redis.call('ZRANGE', links, 0, over - 1)) do redis.call('DEL', prefix .. 'a:' .. old) end
  redis.call('ZREMRANGEBYRANK', links, 0, over - 1)
end
`;

/** KEYS as above. ARGV: prefix, id. Gives 1 when it was linked. */
export const UNLINK_SCRIPT = `${HEAD}
redis.call('DEL', prefix .. 'a:' .. ARGV[2])
return redis.call('ZREM', links, ARGV[2])
`;
