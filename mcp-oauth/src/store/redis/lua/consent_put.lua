-- Remembers a consent. KEYS: a hash: v schema, b body, exp end. ARGV: .., body, end, sweep.
local found = redis.call('HGET', KEYS[1], 'v')
if found and found ~= '1' then return {'version'} end
redis.call('HSET', KEYS[1], 'v', '1', 'b', ARGV[2], 'exp', ARGV[3])
sweep(KEYS[1], ARGV[4])
return {'done'}
