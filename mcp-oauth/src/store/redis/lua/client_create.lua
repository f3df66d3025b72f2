-- Makes a client, for the call `made`: that may be another's, which was interrupted. ARGV: .., made, body, registrants,
-- whether some were forgotten, last use, fingerprint.
if foreign then return {'version'} end
if client.made == ARGV[2] then
  if there then return whole('made') end
  return {'gone', client.ver}
end
if there then return whole('taken') end
local new = version()
redis.call('DEL', KEY)
redis.call('HSET', KEY, 'v', '1', 'b', ARGV[3], 'm', ARGV[4], 'w', ARGV[5], 'lu', ARGV[6], 'ver', new, 'fp', ARGV[7],
  'made', ARGV[2], 'by', ARGV[2], 'gone', '0')
return whole('made')
