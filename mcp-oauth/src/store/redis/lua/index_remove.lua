-- Takes members out of an index. KEYS: members, ends, suspects. ARGV: .., 'now' or 'later', members.
--
-- 'later' is for those whose record somebody did not find: perhaps it is just being written. They become suspects, and
-- go when the next one who looks, ten minutes later, does not find it either. Ten minutes outlast every call.
local time = clock()
for place = 3, #ARGV do
  local member = ARGV[place]
  local since = redis.call('ZSCORE', KEYS[3], member)
  if ARGV[2] == 'now' or (since and time - tonumber(since) > 600000) then
    for _, key in ipairs(KEYS) do redis.call('ZREM', key, member) end
  elseif not since and redis.call('ZSCORE', KEYS[1], member) then
    redis.call('ZADD', KEYS[3], time, member)
    local left = redis.call('PTTL', KEYS[1])
    if left > 0 then redis.call('PEXPIRE', KEYS[3], left) end
  end
end
return {'done'}
