-- Makes a client, for the call `made`: that may be another's, which was interrupted. ARGV: .., made, body, registrants,
-- whether some were forgotten, last use, fingerprint, whether it is for another.
if foreign then return {'version'} end
if string.find(client.bar or '', ';' .. ARGV[2] .. ';', 1, true) then return {'barred'} end
if client.made == ARGV[2] then
  if there then return whole('made') end
  return {'gone', client.ver}
end
if there then
  -- Whoever sees that another's claim is dead takes it over. So it has to stay dead, though the id becomes free.
  if ARGV[8] == '1' then
    bar(ARGV[2])
    redis.call('HSET', KEY, 'bar', client.bar)
  end
  return whole('taken')
end
-- Nor is the one that was here before made again.
if client.made then bar(client.made) end
local new = version()
redis.call('DEL', KEY)
redis.call('HSET', KEY, 'v', '1', 'b', ARGV[3], 'm', ARGV[4], 'w', ARGV[5], 'lu', ARGV[6], 'ver', new, 'fp', ARGV[7],
  'made', ARGV[2], 'by', ARGV[2], 'gone', '0', 'bar', client.bar or '')
return whole('made')
