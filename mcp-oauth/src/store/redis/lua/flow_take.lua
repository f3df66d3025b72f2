-- Takes it out. GETDEL would do, but for a call that arrives twice: that finds itself here. ARGV: .., now.
local found = redis.call('HMGET', KEYS[1], 'v', 'exp', 'told', 'x')
if not found[1] then return {'absent'} end
if found[1] ~= '1' then return {'version'} end
if found[3] == call then return {'taken', found[4]} end
if found[3] ~= '' or ARGV[2] >= found[2] then return {'absent'} end
redis.call('HSET', KEYS[1], 'told', call)
sweep(KEYS[1], 0, MINUTES)
return {'taken', found[4]}
