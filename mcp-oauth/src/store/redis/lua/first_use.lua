-- Whether an id is used for the first time. KEYS: a text, the end and the call. ARGV: .., now, end, sweep.
local found = redis.call('GET', KEYS[1])
if found and ARGV[2] < string.sub(found, 1, 20) then
  if string.sub(found, 21) == call then return {'first'} end
  return {'again'}
end
redis.call('SET', KEYS[1], ARGV[3] .. call)
sweep(KEYS[1], ARGV[4], MINUTES)
return {'first'}
