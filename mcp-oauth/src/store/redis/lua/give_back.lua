-- rules::give_back. KEYS: a bucket. ARGV: .., now, what is given back, both in milliseconds.
local now = tonumber(ARGV[2])
local full, last = bucket(KEYS[1])
-- To take twice where one call came twice only makes somebody wait; to give twice would forget a failure.
if last == ' ' .. call or full <= now then return {'done'} end
full = full - tonumber(ARGV[3])
if full <= now then full = 0 end
redis.call('SET', KEYS[1], string.format('%.0f ', full) .. call)
sweep(KEYS[1], full - now, MINUTES)
return {'done'}
