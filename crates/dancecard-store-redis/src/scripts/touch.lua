-- Moves the end of a record forward, in place.
-- KEYS: the record's.
-- ARGV: the moment as eight bytes, how long to keep the record from now on ('' for ever), the prefix's length, the
--   minute it ends in, since when what ended is gone, and where indexes are kept on other nodes the tag whose index
--   knows of it already.
-- Gives 1 for a record, 0 for none, -1 for what is no record, or the tag of the index that must be told first.

local key, length = KEYS[1], ARGV[3]
local head = redis.call('GETRANGE', key, 0, 36)
local layout = string.byte(head, 1)
if not layout then
  return 0
end
if layout ~= 0xd1 and layout ~= 0xd2 then
  return -1
end
local high, low = struct.unpack('>I4I4', head, 10)
local later_high, later_low = struct.unpack('>I4I4', ARGV[1])
if later_high < high or (later_high == high and later_low <= low) then
  return 1
end
local tag = tag_of(head)
if tag and length ~= '' then
  remember(string.sub(key, 1, length) .. 'p' .. tag, string.sub(key, length + 2), ARGV[4], ARGV[5])
elseif tag and tag ~= ARGV[6] then
  return tag
end
redis.call('SETRANGE', key, 9, ARGV[1])
if ARGV[2] == '' then
  redis.call('PERSIST', key)
else
  redis.call('PEXPIRE', key, ARGV[2])
end
return 1
