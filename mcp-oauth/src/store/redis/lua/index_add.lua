-- Puts a member into an index. KEYS: members, ends, suspects. ARGV: .., member, its end ('' for none), before when others
-- are over, sweep.
-- Up to 16 that have ended go at each turn, so that an index that nobody reads does not grow for ever.
redis.call('ZADD', KEYS[1], 0, ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
  local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, 16)
  for _, member in ipairs(over) do
    -- The new one stays, whatever the caller's clock says.
    if member ~= ARGV[2] then
      for _, key in ipairs(KEYS) do redis.call('ZREM', key, member) end
    end
  end
end
-- The index lives as long as the last of its members.
local fresh = redis.call('ZCARD', KEYS[1]) == 1
for _, key in ipairs(KEYS) do
  if fresh then sweep(key, ARGV[5]) else sweep_later(key, ARGV[5]) end
end
return {'done'}
