-- What the scripts about clients share. A client is a hash:
--   v schema, b body, m the digests of its registrants one after the other (43 characters each), w whether some of them
--   were forgotten, lu last use, ver version, fp its fingerprint (or ''), made the call that made it, by the last call
--   that changed it, gone '1' where it was deleted: then only made, by, ver, fp and bar are left; bar the calls that
--   must not make it any more (;NAME; each, newest first).
local KEY = KEYS[1]
local names = {'v', 'm', 'w', 'lu', 'ver', 'fp', 'made', 'by', 'gone', 'bar'}
local client = {}
for place, value in ipairs(redis.call('HMGET', KEY, unpack(names))) do client[names[place]] = value end

local there = client.v and client.gone ~= '1'
local foreign = client.v and client.v ~= '1'

-- The next version: the time in microseconds, or one more. So it is also greater than that of any client of this id
-- which is long forgotten.
local function version()
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  return string.format('%.0f', math.max(now, tonumber(client.ver or '0') + 1))
end

-- Bars a call from making it. The last one is cut, which its missing semicolon tells.
local function bar(name)
  client.bar = string.sub(';' .. name .. ';' .. (client.bar or ''), 1, 512)
end

local function whole(word)
  local answer = redis.call('HGETALL', KEY)
  table.insert(answer, 1, word)
  return answer
end

