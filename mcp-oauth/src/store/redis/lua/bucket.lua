-- A bucket is a text: when it is full again, in milliseconds; and, after a space, the name of the call that gave back last.
local function bucket(key)
  local text = redis.call('GET', key) or ''
  return tonumber(string.match(text, '^%d+')) or 0, string.match(text, ' .*$') or ''
end

