-- Takes in a new grant. ARGV: .., now, body, code, its end, generation, idle, end, sweep.
if redis.call('HGET', KEYS[1], 'made') == call then return {'done'} end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'v', '1', 'b', ARGV[3], 'code', ARGV[4], 'cexp', ARGV[5], 'red', '0', 'end', '',
  'gen', ARGV[6], 'rot', ARGV[2], 'rep', '0', 'idle', ARGV[7], 'exp', ARGV[8], 'log', '', 'made', call)
sweep(KEYS[1], ARGV[9])
return {'done'}
