-- Says which device a user code means, if it means none that is not over. KEYS: the user code, a hash: v schema,
-- d device, exp end, by the call that claimed it. ARGV: .., now, 'claim', device, end, sweep; or .., now, 'release', device.
local found = redis.call('HMGET', KEYS[1], 'v', 'd', 'exp', 'by')
if found[1] and found[1] ~= '1' then return {'version'} end
if ARGV[3] == 'release' then
  if found[2] == ARGV[4] then redis.call('DEL', KEYS[1]) end
  return {'done'}
end
if found[1] and found[4] ~= call and ARGV[2] < found[3] then return {'taken'} end
redis.call('HSET', KEYS[1], 'v', '1', 'd', ARGV[4], 'exp', ARGV[5], 'by', call)
sweep(KEYS[1], ARGV[6])
return {'done'}
