-- Sliding windows of 60 sub-buckets, concurrency slots and the members' roll, version 1.
-- The version is part of every key (`gw:rl:1:…`): a change of what is stored needs a new one, so that old and new
-- replicas do not read each other's state during a rolling deploy.
--
-- One call runs a batch of operations in order, all at one instant. Everything of an organisation has one hash tag.
--   KEYS[1] clock  e epoch · s storage · l last instant · o offset · w members that have still to join · p end of the
--                  recovery · b its begin · g the last instant before it
--   KEYS[2] roll   t:<member> → last heartbeat · j:<member> → epoch it has joined
--   KEYS[3…]       window: s sum · o oldest bucket · l last bucket · <bucket> → count;  slot: <member> → calls it runs
--   ARGV 1 member · 2 epoch it has joined · 3 its estimate of the instant (0: none) · 4 members it knows of
--        5 injected time in ms, or -1 · then operations, a letter and its arguments:
--   J newEpoch base           join; base is the storage it has merged into, '' when it brings everything it has
--   E                         everything it had to bring has been brought
--   M key W bucket count      count what was admitted without the store
--   C key count               this member runs `count` calls (absolute, so that it may be repeated)
--   S key W bucket delta      correct an admission; nothing when its bucket has left the window
--   A n m (key W limit cost)×n (key limit)×m    admit all or nothing
--   G key W limit want ttl    take permits for what this member will admit by itself within the next `ttl` ms
--   U n m (key W)×n (key)×m   what is used
--   H                         heartbeat;   D depart
-- Reply: {status, instant, epoch, storage, live members, ms the recovery may still take, result of each A, G and U…}
--   status 0 done · 1 join first, bring what was admitted since · 2 join first, bring everything (nothing was done)
--   A → {1, (sum, last bucket)×n, running×m} or {0, short (1…n, then n+1…n+m), retry ms (-1 never), (sum, last bucket)×n,
--       running×m}, or {2}: the windows are being recovered, decide alone
--   G → {permits, sum, last bucket}; they are counted in the bucket of `ttl` ms from now
--   U → {(sum, last bucket)×n, slots×m}
local SUB = 60
local GAP_MS = 1000
local SILENT_MS = 5000
-- Who has not come back by then is gone: more than twice the longest pause between two attempts of a member to connect again.
local RECOVERY_MS = SILENT_MS
local FORGET_MS = 60000
local SLOT_RETRY_MS = 1000
local KEEP_MS = 86400000
-- Permits are counted ahead of their time, and no further than this.
local AHEAD_MS = 1000

local member, epoch, estimate, expected = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local raw = tonumber(ARGV[5])
if raw < 0 then
  local t = redis.call('TIME')
  raw = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function int(n) return string.format('%.0f', n) end

local clock = redis.call('HMGET', KEYS[1], 'e', 's', 'l', 'o', 'w', 'p')
local current, storage = clock[1], clock[2]
local last, offset = tonumber(clock[3]) or 0, tonumber(clock[4]) or 0
local waiting, recovery = tonumber(clock[5]) or 0, tonumber(clock[6]) or 0
local begin, before
local joining = ARGV[6] == 'J'
local now = raw + offset

-- Never backwards. After a small step back time stands still until the clock has caught up, so that a step forth again does not
-- shorten a window; after a large one it goes on from the last instant.
local rebased = false
if current and now < last then
  rebased = last - now > GAP_MS
  now = last
end
-- Nobody was here for a while: the store was away, or its clock jumped. The members know how long it was.
local gap = current and now - last > GAP_MS

if not joining then
  if not current then return { 2, int(now), '', '', 0, 0 } end
  if gap or epoch ~= current then return { 1, int(now), current, storage, 0, 0 } end
else
  local fresh, base = ARGV[7], ARGV[8]
  if storage and base ~= '' and base ~= storage then return { 2, int(now), '', '', 0, 0 } end
  if not current then
    if base ~= '' then return { 2, int(now), '', '', 0, 0 } end
    if estimate > 0 then now = estimate end
    current, storage, begin, before = fresh, fresh, now, 0
    redis.call('DEL', KEYS[2])
    waiting, rebased = expected, true
  elseif gap then
    if estimate > 0 then now = math.max(last, math.min(now, estimate)) end
    local roll = redis.call('HGETALL', KEYS[2])
    local known = 0
    for i = 1, #roll, 2 do
      if string.sub(roll[i], 1, 2) == 't:' and tonumber(roll[i + 1]) >= last - SILENT_MS then known = known + 1 end
    end
    current, begin, before = fresh, now, last
    waiting, rebased = math.max(expected, known), true
  end
  if current == fresh then
    recovery = waiting > 1 and now + RECOVERY_MS or 0
    redis.call('HSET', KEYS[1], 'e', current, 's', storage, 'w', waiting, 'p', recovery, 'b', begin, 'g', before)
  end
end
redis.call('HSET', KEYS[1], 'l', now, 'o', rebased and now - raw or offset)

-- Windows touched by this batch: read once, written once at its end. Redis writes a Lua number with 17 digits, so whole numbers
-- are exact to 2^53.
local windows = {}
local function window(i, W)
  local w = windows[i]
  if w then return w end
  local key, b = KEYS[i], math.floor(now * SUB / W)
  local h = redis.call('HMGET', key, 's', 'o', 'l', b)
  local sum, o, l, count = tonumber(h[1]) or 0, tonumber(h[2]) or b, tonumber(h[3]) or -1, tonumber(h[4]) or 0
  local lo = b - SUB
  if h[1] and l < lo then
    redis.call('DEL', key)
    sum, o, l, count = 0, b, -1, 0
  elseif o < lo then
    local expired = {}
    for x = o, lo - 1 do expired[#expired + 1] = x end
    local counts = redis.call('HMGET', key, unpack(expired))
    for x = 1, #counts do if counts[x] then sum = sum - tonumber(counts[x]) end end
    redis.call('HDEL', key, unpack(expired))
    redis.call('HSET', key, 's', sum, 'o', lo)
    o = lo
  end
  -- count: what the current bucket holds; stored, o0: what is on record of l and o.
  w = { key = key, W = W, b = b, sum = sum, o = o, l = l, count = count, stored = l, o0 = o, dirty = false }
  windows[i] = w
  return w
end

local function add(w, bucket, delta)
  if bucket < w.b - SUB then return end
  -- From a member whose clock is far ahead: it cannot have happened later than now.
  if bucket > math.floor((now + AHEAD_MS) * SUB / w.W) then bucket = w.b end
  if bucket == w.b then
    delta = math.max(delta, -w.count)
    w.count = w.count + delta
  elseif delta < 0 then
    delta = math.max(delta, -(tonumber(redis.call('HGET', w.key, bucket)) or 0))
  end
  if delta == 0 then return end
  if bucket ~= w.b then redis.call('HINCRBY', w.key, bucket, delta) end
  if w.l < 0 then w.o = bucket end
  w.sum, w.dirty = w.sum + delta, true
  if bucket < w.o then w.o = bucket end
  if bucket > w.l then w.l = bucket end
end

-- Milliseconds until `missing` has left the window.
local function freed(w, missing)
  local names = {}
  for x = w.o, math.max(w.b, w.l) do names[#names + 1] = x end
  local counts = redis.call('HMGET', w.key, unpack(names))
  local sum = 0
  for x = 1, #names do
    sum = sum + (names[x] == w.b and w.count or tonumber(counts[x]) or 0)
    if sum >= missing then return math.ceil((names[x] + SUB + 1) * w.W / SUB) - now end
  end
  return -1
end

local roll = {}
local function alive(other)
  if other == member then return true end
  if not begin then
    local h = redis.call('HMGET', KEYS[1], 'b', 'g')
    begin, before = tonumber(h[1]) or 0, tonumber(h[2]) or 0
  end
  local known = roll[other]
  if known == nil then
    local seen = tonumber(redis.call('HGET', KEYS[2], 't:' .. other)) or -1
    -- After the store was away nobody's heartbeat is recent: who was there before is given time to come back.
    known = now - seen <= SILENT_MS or (now - begin <= SILENT_MS and seen >= before - SILENT_MS)
    roll[other] = known
  end
  return known
end

local function running(i)
  local members = redis.call('HGETALL', KEYS[i])
  local sum = 0
  for x = 1, #members, 2 do
    if alive(members[x]) then sum = sum + tonumber(members[x + 1]) else redis.call('HDEL', KEYS[i], members[x]) end
  end
  return sum
end

local position = 6
local function text() position = position + 1; return ARGV[position - 1] end
local function number() return tonumber(text()) end
local function recovering() return waiting > 0 and now < recovery end
local reply = { 0, int(now), current, storage, 0, 0 }

local function admit()
  local n, m = number(), number()
  local first = position
  position = position + n * 4 + m * 2
  local result = { 1 }
  if recovering() then return { 2 } end
  local short, retry = 0, -2
  for c = 0, n - 1 do
    local at = first + c * 4
    local w, limit, cost = window(tonumber(ARGV[at]), tonumber(ARGV[at + 1])), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    if retry ~= -1 and w.sum + cost > limit then
      local wait = cost > limit and -1 or freed(w, w.sum + cost - limit)
      if wait == -1 or wait > retry then short, retry = c + 1, wait end
    end
  end
  local slots = first + n * 4
  local held = {}
  for c = 0, m - 1 do
    local at = slots + c * 2
    held[c] = running(tonumber(ARGV[at]))
    if retry ~= -1 and retry < SLOT_RETRY_MS and held[c] >= tonumber(ARGV[at + 1]) then
      short, retry = n + c + 1, SLOT_RETRY_MS
    end
  end
  if short > 0 then
    result = { 0, short, retry }
  else
    for c = 0, n - 1 do
      local w = windows[tonumber(ARGV[first + c * 4])]
      add(w, w.b, tonumber(ARGV[first + c * 4 + 3]))
    end
    for c = 0, m - 1 do
      local key = KEYS[tonumber(ARGV[slots + c * 2])]
      redis.call('HINCRBY', key, member, 1)
      held[c] = held[c] + 1
      redis.call('PEXPIRE', key, FORGET_MS)
    end
  end
  for c = 0, n - 1 do
    local w = windows[tonumber(ARGV[first + c * 4])]
    result[#result + 1] = w.sum
    result[#result + 1] = w.l
  end
  for c = 0, m - 1 do result[#result + 1] = held[c] end
  return result
end

-- Never more than half of what is left, shared by all members: nobody is refused because another might still need it.
local function grant()
  local w, limit, want, ttl = window(number(), number()), number(), number(), number()
  local permits = 0
  if not recovering() then
    permits = math.max(0, math.min(want, math.floor((limit - w.sum) / (2 * math.max(1, expected)))))
    add(w, math.floor((now + ttl) * SUB / w.W), permits)
  end
  return { permits, w.sum, w.l }
end

local function usage()
  local n, m = number(), number()
  local result = {}
  for _ = 1, n do
    local i = number()
    local w = window(i, number())
    result[#result + 1] = w.sum
    result[#result + 1] = w.l
  end
  for _ = 1, m do result[#result + 1] = running(number()) end
  return result
end

local function heartbeat()
  redis.call('HSET', KEYS[2], 't:' .. member, now)
  redis.call('PEXPIRE', KEYS[2], KEEP_MS)
  redis.call('PEXPIRE', KEYS[1], KEEP_MS)
  local all = redis.call('HGETALL', KEYS[2])
  local live = 0
  for x = 1, #all, 2 do
    if string.sub(all[x], 1, 2) == 't:' then
      local id = string.sub(all[x], 3)
      if alive(id) then live = live + 1
      elseif now - tonumber(all[x + 1]) > FORGET_MS then redis.call('HDEL', KEYS[2], all[x], 'j:' .. id) end
    end
  end
  reply[5] = live
end

local function joined()
  if redis.call('HGET', KEYS[2], 'j:' .. member) == current then return end
  redis.call('HSET', KEYS[2], 'j:' .. member, current)
  -- Who comes for the first time was not waited for.
  if waiting > 0 and estimate > 0 then waiting = redis.call('HINCRBY', KEYS[1], 'w', -1) end
end

local function runs(key, count)
  if count > 0 then
    redis.call('HSET', key, member, count)
    redis.call('PEXPIRE', key, FORGET_MS)
  else
    redis.call('HDEL', key, member)
  end
end

while position <= #ARGV do
  local operation = text()
  if operation == 'A' then reply[#reply + 1] = admit()
  elseif operation == 'S' or operation == 'M' then local w = window(number(), number()) add(w, number(), number())
  elseif operation == 'C' then runs(KEYS[number()], number())
  elseif operation == 'G' then reply[#reply + 1] = grant()
  elseif operation == 'U' then reply[#reply + 1] = usage()
  elseif operation == 'H' then heartbeat()
  elseif operation == 'J' then position = position + 2
  elseif operation == 'E' then joined()
  elseif operation == 'D' then redis.call('HDEL', KEYS[2], 't:' .. member, 'j:' .. member)
  else return redis.error_reply('ERR unknown operation ' .. operation) end
end
if recovering() then reply[6] = recovery - now end

for _, w in pairs(windows) do
  if w.dirty then
    if w.l == w.stored and w.o == w.o0 then
      redis.call('HSET', w.key, 's', w.sum, w.b, w.count)
    else
      redis.call('HSET', w.key, 's', w.sum, 'o', w.o, 'l', w.l, w.b, w.count)
      redis.call('PEXPIRE', w.key, w.W * 2 + FORGET_MS)
    end
  end
end
return reply
