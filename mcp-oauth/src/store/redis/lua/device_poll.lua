-- rules::poll. ARGV: .., now, client.
if not device.v then return {'absent'} end
if device.v ~= '1' then return {'version'} end
if device.id ~= ARGV[3] then return {'other'} end
if NOW >= device.exp then return {'expired'} end
if device.st ~= '' then return {device.st, device.g} end
local early = device.at ~= '' and math.max(tonumber(NOW) - tonumber(device.at), 0) < tonumber(device.int)
redis.call('HSET', KEYS[1], 'at', NOW)
if early then
  redis.call('HSET', KEYS[1], 'int', string.format('%.0f', tonumber(device.int) + 5000))
  return {'slow'}
end
return {'pending'}
