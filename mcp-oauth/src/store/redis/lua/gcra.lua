-- rules::gcra. KEYS: a bucket. ARGV: .., now, what is needed, what the bucket holds, all in milliseconds; 'take' or 'look'. All
-- sums stay below 2^53.
local now, needed, holds = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full = bucket(KEYS[1])
local after = math.max(full, now) + needed
if after > now + holds then return {'denied', string.format('%.0f', after - now - holds)} end
if ARGV[5] == 'take' and after > now then
  redis.call('SET', KEYS[1], string.format('%.0f', after))
  sweep(KEYS[1], after - now, MINUTES)
end
return {'allowed'}
