-- Stores a record on a condition.
-- KEYS: the record's.
-- ARGV: the version it must have ('' for no record, '*' for any), the value, how long to keep it ('' for ever), the
--   prefix's length; of a record with a principal also the minute it ends in, and since when what ended is gone.
-- Gives 1 when stored, 0 when the condition does not hold, -1 for what is no record, -2 when it would grow and must not.

local key, value = KEYS[1], ARGV[2]
local before = redis.call('GETRANGE', key, 0, 36)
local layout = string.byte(before, 1)
if layout and layout ~= 0xd1 and layout ~= 0xd2 then
  return -1
end
if ARGV[1] == '' then
  if layout then
    return 0
  end
elseif ARGV[1] ~= '*' and string.sub(before, 2, 9) ~= ARGV[1] then
  return 0
end
if MUST_NOT_GROW then
  local tag = tag_of(value)
  if #value > redis.call('STRLEN', key) or (tag and tag ~= tag_of(before)) then
    return -2
  end
end
enter(key, ARGV[4], value, ARGV[5], ARGV[6])
if ARGV[3] == '' then
  redis.call('SET', key, value)
else
  redis.call('SET', key, value, 'PX', ARGV[3])
end
leave(key, ARGV[4], before, value)
return 1
