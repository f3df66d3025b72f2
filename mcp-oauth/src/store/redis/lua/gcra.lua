-- rules::gcra. KEYS: a text, when the bucket is full again, in milliseconds. ARGV: .., now, what is needed, what the
-- bucket holds, all in milliseconds; 'take' or 'look'. All sums stay below 2^53.
local now, needed, holds = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local after = full + needed
if after > now + holds then return {'denied', string.format('%.0f', after - now - holds)} end
if ARGV[5] == 'take' and after > now then
  redis.call('SET', KEYS[1], string.format('%.0f', after))
  sweep(KEYS[1], after - now, MINUTES)
end
return {'allowed'}
