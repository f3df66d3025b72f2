-- The client of a claim is made, or it (ARGV[3] = 'release') is let go. ARGV: .., whose claim. Answers whether it was
-- still theirs.
if redis.call('HGET', KEYS[1], 'made') ~= ARGV[2] then return {'no'} end
if ARGV[3] == 'release' then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'open', '0')
  redis.call('HDEL', KEYS[1], 'b', 'm', 'w', 'lu')
end
return {'yes'}
