-- What the scripts about device authorizations share. One is a hash:
--   v schema, b body, id its client, uc its user code, exp its end, int interval in milliseconds, at last poll (or ''),
--   st what the user said ('', 'approved', 'denied'), g the grant, by the call that decided, told the attempt that
--   has told the device,
--   made the call that made it.
local NOW = ARGV[2]
local names = {'v', 'id', 'uc', 'exp', 'int', 'at', 'st', 'g', 'by', 'told', 'made'}
local device = {}
for place, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do device[names[place]] = value end

