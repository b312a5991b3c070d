-- Moves the end of a record forward, in place.
-- KEYS: the record's.
-- ARGV: the moment as eight bytes, how long to keep the record from now on ('' for ever), the prefix's length, the
--   minute it ends in, now, slack, and where indexes are kept on other nodes the tag whose index knows of it already.
-- Gives 1 for a record, 0 for none, -1 for what is no record, or the tag of the index that must be told first.

local head = head_of(KEYS[1])
if head == '' then
  return 0
end
if not is_ours(head) then
  return -1
end
local high, low = struct.unpack('>I4I4', head, EXPIRY + 1)
local later_high, later_low = struct.unpack('>I4I4', ARGV[1])
if later_high < high or (later_high == high and later_low <= low) then
  return 1
end
local tag = tag_of(head)
if tag and ARGV[3] == '' and tag ~= ARGV[7] then
  return tag
end
if tag and ARGV[3] ~= '' then
  remember(index_of(KEYS[1], ARGV[3], tag), member_of(KEYS[1], ARGV[3]), ARGV[4], ARGV[5], ARGV[6])
end
redis.call('SETRANGE', KEYS[1], EXPIRY, ARGV[1])
if ARGV[2] == '' then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
