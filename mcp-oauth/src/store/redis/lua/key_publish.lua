-- Puts a document in the place of a revision. KEYS: a hash: v schema, rev revision, x document, by the call that published
-- it. ARGV: .., expected revision ('' for none), document.
local found = redis.call('HMGET', KEYS[1], 'v', 'rev', 'by')
if found[1] and found[1] ~= '1' then return {'version'} end
if found[3] == call then return {'done', found[2]} end
if (found[2] or '') ~= ARGV[2] then return {'conflict'} end
local revision = string.format('%.0f', tonumber(found[2] or '0') + 1)
redis.call('HSET', KEYS[1], 'v', '1', 'rev', revision, 'x', ARGV[3], 'by', call)
return {'done', revision}
