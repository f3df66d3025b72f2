-- rules::redeem. ARGV: .., now, digest of the code.
if not grant.v then return {'absent'} end
if grant.v ~= '1' then return {'version'} end
local function won()
  local answer = redis.call('HGETALL', KEYS[1])
  table.insert(answer, 1, 'won')
  return answer
end
local said = noted()
if said == 'W' then return won() elseif said == 'P' then return {'replayed'} end
if grant.code == '' or grant.code ~= ARGV[3] then return {'absent'} end
if grant.red == '1' then
  if grant['end'] == '' then
    note('P')
    finish('code_replayed')
  end
  return {'replayed'}
end
if grant['end'] ~= '' then return {'absent'} end
if NOW >= grant.cexp or not live() then return {'expired'} end
redis.call('HSET', KEYS[1], 'red', '1', 'gen', '1', 'rot', NOW)
note('W')
sweep(KEYS[1], tonumber(grant.idle) - tonumber(NOW))
return won()
