-- Client::join, if the client is there and has the fingerprint. ARGV: .., fingerprint, registrants, last use.
if foreign then return {'version'} end
if not there or client.fp ~= ARGV[2] then return {'gone'} end
if client.by == call then return whole('joined') end
local registrants, forgotten = client.m .. ARGV[3], client.w
local most = 32 * 43
if #registrants > most then
  registrants, forgotten = string.sub(registrants, -most), '1'
end
local used = client.lu
if used < ARGV[4] then used = ARGV[4] end
redis.call('HSET', KEY, 'm', registrants, 'w', forgotten, 'lu', used, 'ver', version(), 'by', call)
return whole('joined')
