-- Deletes a client, and remembers that there was one: whoever makes it for an interrupted call must not make it again.
-- ARGV: .., version ('' for any), which call must have made it ('' for any) and with which fingerprint. Answers its
-- fingerprint, and which call made it.
if foreign then return {'version'} end
if not there then
  if client.v and client.by == call then return {'done', client.fp, client.made} end
  return {'absent'}
end
if ARGV[2] ~= '' and client.ver ~= ARGV[2] then return {'conflict'} end
if ARGV[3] ~= '' and (client.made ~= ARGV[3] or client.fp ~= ARGV[4]) then return {'absent'} end
redis.call('HSET', KEY, 'gone', '1', 'ver', version(), 'by', call)
redis.call('HDEL', KEY, 'b', 'm', 'w', 'lu')
-- What is taken back was never there, and its maker begins anew.
if ARGV[3] ~= '' then
  bar(ARGV[3])
  redis.call('HSET', KEY, 'bar', client.bar)
end
-- As long as a fingerprint may lead here it stays; see client_bury.
if client.fp == '' then redis.call('PEXPIRE', KEY, DAY) end
return {'done', client.fp, client.made}
