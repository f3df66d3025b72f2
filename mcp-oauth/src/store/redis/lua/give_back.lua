-- rules::give_back. KEYS: a bucket, and what tells that this call was here. ARGV: .., now, what is given back, both in
-- milliseconds.
local now = tonumber(ARGV[2])
-- To take twice where one call came twice only makes somebody wait; to give twice would forget a failure. Others give back
-- meanwhile, so that each call has a mark of its own; it stays for longer than a call may be on its way.
if not redis.call('SET', KEYS[2], '', 'NX', 'PX', MINUTES) then return {'done'} end
local full = bucket(KEYS[1])
if full <= now then return {'done'} end
full = full - tonumber(ARGV[3])
if full <= now then full = 0 end
redis.call('SET', KEYS[1], string.format('%.0f', full))
sweep(KEYS[1], full - now, MINUTES)
return {'done'}
