-- A bucket is a text: when it is full again, in milliseconds. What an older version wrote behind that is of no use.
local function bucket(key)
  return tonumber(string.match(redis.call('GET', key) or '', '^%d+')) or 0
end

