-- Stores a record on a condition.
-- KEYS: the record's.
-- ARGV: the version it must have ('' for no record, '*' for any), the value, how long to keep it ('' for ever),
--   the prefix's length, the minute it ends in, now, slack, and whether it must not grow.
-- Gives 1 when stored, 0 when the condition does not hold, -1 for what is no record, -2 when it would grow.

local before = head_of(KEYS[1])
if before ~= '' and not is_ours(before) then
  return -1
end
if ARGV[1] == '' then
  if before ~= '' then
    return 0
  end
elseif ARGV[1] ~= '*' and version_of(before) ~= ARGV[1] then
  return 0
end
if ARGV[8] then
  local tag = tag_of(ARGV[2])
  if #ARGV[2] > redis.call('STRLEN', KEYS[1]) or (tag and tag ~= tag_of(before)) then
    return -2
  end
end
put(KEYS[1], ARGV[2], ARGV[3])
index(KEYS[1], ARGV[4], before, ARGV[2], ARGV[5], ARGV[6], ARGV[7])
return 1
