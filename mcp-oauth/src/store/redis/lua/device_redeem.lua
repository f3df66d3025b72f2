-- rules::redeem_device. ARGV: .., now, client, attempt. Whoever may tell it is told its user code too.
if not device.v then return {'no'} end
if device.v ~= '1' then return {'version'} end
if device.id ~= ARGV[3] or device.st == '' then return {'no'} end
if device.told == ARGV[4] then return {'yes', device.uc} end
if device.told ~= '' or NOW >= device.exp then return {'no'} end
-- It stays for some minutes, so that the attempt is known again.
redis.call('HSET', KEYS[1], 'told', ARGV[4])
sweep(KEYS[1], 0, MINUTES)
return {'yes', device.uc}
