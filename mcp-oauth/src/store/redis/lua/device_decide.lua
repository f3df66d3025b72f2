-- rules::decide. ARGV: .., now, user code, what the user said, the grant.
if not device.v then return {'late'} end
if device.v ~= '1' then return {'version'} end
if device.by == call then return {'done'} end
if device.uc ~= ARGV[3] or device.st ~= '' or device.told ~= '' or NOW >= device.exp then return {'late'} end
redis.call('HSET', KEYS[1], 'st', ARGV[4], 'g', ARGV[5], 'by', call)
return {'done'}
