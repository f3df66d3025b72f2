-- Puts another body in the place of a version. ARGV: .., version, body, registrants, whether some were forgotten, last
-- use, whether the fingerprint is kept. Answers the fingerprint that is let go, and whose it was.
if foreign then return {'version'} end
if not there then return {'absent'} end
if client.by == call then return {'done', '', ''} end
if client.ver ~= ARGV[2] then return {'conflict'} end
redis.call('HSET', KEY, 'b', ARGV[3], 'm', ARGV[4], 'w', ARGV[5], 'lu', ARGV[6], 'ver', version(), 'by', call)
if ARGV[7] == '1' then return {'done', '', ''} end
redis.call('HSET', KEY, 'fp', '')
return {'done', client.fp, client.made}
