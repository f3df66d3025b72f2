-- Keeps a small thing. KEYS: a hash: v schema, x the value, exp its end, by the call that put it, told the call that took
-- it. ARGV: .., now, value, end, sweep.
local found = redis.call('HMGET', KEYS[1], 'v', 'exp', 'by', 'told')
if found[1] and found[1] ~= '1' then return {'version'} end
if found[1] and found[4] == '' and ARGV[2] < found[2] and found[3] ~= call then return {'exists'} end
if found[3] ~= call then
  redis.call('HSET', KEYS[1], 'v', '1', 'x', ARGV[3], 'exp', ARGV[4], 'by', call, 'told', '')
  sweep(KEYS[1], ARGV[5], MINUTES)
end
return {'new'}
