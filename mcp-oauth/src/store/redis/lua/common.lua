-- What all scripts share. ARGV[1] is the name of the call; times are texts of twenty digits, which compare as they are.

local call, DAY, MINUTES = ARGV[1], 86400000, 300000

-- Redis sweeps KEY so many milliseconds from now and SLACK later, a day if nothing is said; beyond a few thousand years
-- never. Callers' clocks differ, and judge before that.
local function sweep(key, milliseconds, slack)
  slack = slack or DAY
  local after = math.max(tonumber(milliseconds), 0) + slack
  if after > 1e14 then
    redis.call('PERSIST', key)
  else
    redis.call('PEXPIRE', key, string.format('%.0f', after))
  end
end

-- As sweep, if KEY would go earlier.
local function sweep_later(key, milliseconds)
  local left = redis.call('PTTL', key)
  if left == -1 then return end
  if left < math.max(tonumber(milliseconds), 0) + DAY then sweep(key, milliseconds) end
end

-- Redis's own clock: for the broom, never for a judgement.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

