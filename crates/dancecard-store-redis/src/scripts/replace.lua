-- Retires one record and stores its successor.
-- KEYS: the old record's, the new one's.
-- ARGV: the version that the old one must have, what is left of it, how long to keep that, the new value, how long to
--   keep it, the prefix's length, the minute it ends in, now, slack.
-- Gives 1 when done, 0 when the old record has another version or the new key is taken, -1 for what is no record.

local before = head_of(KEYS[1])
local taken = head_of(KEYS[2])
if (before ~= '' and not is_ours(before)) or (taken ~= '' and not is_ours(taken)) then
  return -1
end
if version_of(before) ~= ARGV[1] or taken ~= '' then
  return 0
end
put(KEYS[1], ARGV[2], ARGV[3])
put(KEYS[2], ARGV[4], ARGV[5])
index(KEYS[1], ARGV[6], before, ARGV[2], ARGV[7], ARGV[8], ARGV[9])
index(KEYS[2], ARGV[6], '', ARGV[4], ARGV[7], ARGV[8], ARGV[9])
return 1
