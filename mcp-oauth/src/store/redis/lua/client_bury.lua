-- Nothing leads to a deleted client any more: it may be forgotten.
if client.v == '1' and client.gone == '1' then redis.call('PEXPIRE', KEY, DAY) end
return {'done'}
