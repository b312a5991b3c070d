-- Retires one record and stores its successor.
-- KEYS: the old record's, the new one's.
-- ARGV: the version that the old one must have, what is left of it, how long to keep that, the new value, how long to
--   keep it, the prefix's length, the minute it ends in, and since when what ended is gone.
-- Gives 1 when done, 0 when the old record has another version or the new key is taken, -1 for what is no record.

local function read(key)
  local head = redis.call('GETRANGE', key, 0, 36)
  local layout = string.byte(head, 1)
  return head, not layout or layout == 0xd1 or layout == 0xd2
end

local function put(key, value, life)
  if life == '' then
    redis.call('SET', key, value)
  else
    redis.call('SET', key, value, 'PX', life)
  end
end

local before, is_ours = read(KEYS[1])
local taken, is_ours_too = read(KEYS[2])
if not (is_ours and is_ours_too) then
  return -1
end
if string.sub(before, 2, 9) ~= ARGV[1] or taken ~= '' then
  return 0
end
enter(KEYS[1], ARGV[6], ARGV[2], ARGV[7], ARGV[8])
enter(KEYS[2], ARGV[6], ARGV[4], ARGV[7], ARGV[8])
put(KEYS[1], ARGV[2], ARGV[3])
put(KEYS[2], ARGV[4], ARGV[5])
leave(KEYS[1], ARGV[6], before, ARGV[2])
return 1
