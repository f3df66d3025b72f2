-- Takes in a new one. ARGV: .., now, body, client, user code, end, interval, sweep.
if device.made == call then return {'done'} end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'v', '1', 'b', ARGV[3], 'id', ARGV[4], 'uc', ARGV[5], 'exp', ARGV[6], 'int', ARGV[7],
  'at', '', 'st', '', 'g', '', 'by', '', 'told', '', 'made', call)
sweep(KEYS[1], ARGV[8])
return {'done'}
