-- Claims a fingerprint for a client that is about to be made. The claim holds all that is needed to make it, so that
-- whoever finds it can do that in the place of the claimant. KEYS: the fingerprint, a hash:
--   v schema, id the client, made the call that claimed it, open '1' until the client is made, then b, m, w, lu.
-- ARGV: .., which claim may be taken over ('' for none; else who claimed it and whether it is open), client id, body,
-- registrants, whether some were forgotten, last use.
local found = redis.call('HMGET', KEYS[1], 'v', 'made', 'open')
if found[1] and found[1] ~= '1' then return {'version'} end
if found[1] and found[2] ~= call and found[2] .. ' ' .. found[3] ~= ARGV[2] then
  local answer = redis.call('HGETALL', KEYS[1])
  table.insert(answer, 1, 'other')
  return answer
end
if found[2] ~= call then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'v', '1', 'id', ARGV[3], 'made', call, 'open', '1', 'b', ARGV[4], 'm', ARGV[5],
    'w', ARGV[6], 'lu', ARGV[7])
end
return {'mine', call}
