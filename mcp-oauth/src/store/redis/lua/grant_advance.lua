-- rules::advance. ARGV: .., now, presented, since when a rotation is within the grace ('' for none), most replays,
-- idle end, whether to rotate.
if not grant.v then return {'absent'} end
if grant.v ~= '1' then return {'version'} end
local words = {N = 'next', A = 'again', S = 'resynced', R = 'reused'}
local letter, number = noted()
if letter and words[letter] then return {words[letter], number} end
if grant['end'] ~= '' then return {'ended', grant['end']} end
if not live() then return {'expired'} end
local presented, generation = tonumber(ARGV[3]), tonumber(grant.gen)
if generation == 0 or presented == 0 then return {'absent'} end
if presented < generation then
  local in_time = ARGV[4] ~= '' and grant.rot >= ARGV[4]
  local most = tonumber(ARGV[5])
  if presented + 1 == generation and in_time and most > 0 then
    if tonumber(grant.rep) >= most then return {'crowded'} end
    redis.call('HINCRBY', KEYS[1], 'rep', 1)
    note('A', grant.gen)
    return {'again', grant.gen}
  end
  note('R')
  finish('refresh_reused')
  return {'reused'}
end
local idle = ARGV[6]
if idle > grant.exp then idle = grant.exp end
redis.call('HSET', KEYS[1], 'idle', idle)
sweep(KEYS[1], tonumber(idle) - tonumber(NOW))
if presented == generation and ARGV[7] == '0' then
  note('N', grant.gen)
  return {'next', grant.gen}
end
local successor = string.format('%.0f', math.min(presented + 1, 4294967295))
redis.call('HSET', KEYS[1], 'gen', successor, 'rot', NOW, 'rep', '0')
if presented > generation then
  note('S', successor)
  return {'resynced', successor}
end
note('N', successor)
return {'next', successor}
