-- What the scripts about grants share. A grant is a hash:
--   v schema, b body, code and cexp its code, red whether that is redeemed ('0', '1'), end why it ended (or ''),
--   gen generation, rot when it was made, rep replays, idle and exp its ends, log the last answers, newest first,
--   made the call that made it.
local NOW = ARGV[2]
local names = {'v', 'code', 'cexp', 'red', 'end', 'gen', 'rot', 'rep', 'idle', 'exp', 'log'}
local grant = {}
for place, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do grant[names[place]] = value end

-- Notes what this call is answered. The last one is cut, which its missing comma tells.
local function note(letter, number)
  local log = string.sub(';' .. call .. '=' .. letter .. (number or '') .. ',' .. grant.log, 1, 320)
  redis.call('HSET', KEYS[1], 'log', log)
end

-- What this call was answered before, if Redis is told of it again.
local function noted()
  local from, to = string.find(grant.log, ';' .. call .. '=', 1, true)
  if from then return string.match(grant.log, '^(%a)(%d*),', to + 1) end
end

-- GrantView::is_open.
local function open()
  return grant['end'] == '' and NOW < grant.idle and NOW < grant.exp
end

-- GrantView::is_live.
local function live()
  local waits = grant.code ~= '' and grant.red == '0'
  return open() and not (waits and NOW >= grant.cexp)
end

-- Ends it. It is remembered for another day and a day.
local function finish(why)
  redis.call('HSET', KEYS[1], 'end', why)
  local left = redis.call('PTTL', KEYS[1])
  if left == -1 or left > 2 * DAY then sweep(KEYS[1], DAY) end
end

