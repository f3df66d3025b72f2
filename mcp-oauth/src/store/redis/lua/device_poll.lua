-- rules::poll. ARGV: .., now, client. An answer that ends it says its user code too.
if not device.v then return {'absent'} end
if device.v ~= '1' then return {'version'} end
if device.told == call then return {device.st, device.g, device.uc} end
if device.told ~= '' then return {'absent'} end
if device.id ~= ARGV[3] then return {'other'} end
if NOW >= device.exp then return {'expired'} end
if device.st ~= '' then
  -- It stays for a moment, so that the call is known again.
  redis.call('HSET', KEYS[1], 'told', call)
  sweep(KEYS[1], 0, MINUTES)
  return {device.st, device.g, device.uc}
end
local early = device.at ~= '' and math.max(tonumber(NOW) - tonumber(device.at), 0) < tonumber(device.int)
redis.call('HSET', KEYS[1], 'at', NOW)
if early then
  redis.call('HSET', KEYS[1], 'int', string.format('%.0f', tonumber(device.int) + 5000))
  return {'slow'}
end
return {'pending'}
