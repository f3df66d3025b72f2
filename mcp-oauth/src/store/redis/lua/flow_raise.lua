-- Keeps a small thing, unless what is there ends as late or later. KEYS: as flow_put. ARGV: .., value, end, sweep.
local found = redis.call('HMGET', KEYS[1], 'v', 'exp', 'told')
if found[1] and found[1] ~= '1' then return {'version'} end
if found[1] and found[3] == '' and found[2] >= ARGV[3] then return {'kept'} end
redis.call('HSET', KEYS[1], 'v', '1', 'x', ARGV[2], 'exp', ARGV[3], 'by', call, 'told', '')
sweep(KEYS[1], ARGV[4], MINUTES)
return {'kept'}
