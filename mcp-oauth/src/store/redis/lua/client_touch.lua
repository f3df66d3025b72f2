-- Notes a use. ARGV: .., now, an hour ago.
if foreign then return {'version'} end
if not there then return {'absent'} end
if client.lu <= ARGV[3] then redis.call('HSET', KEY, 'lu', ARGV[2], 'ver', version(), 'by', call) end
return {'done'}
