-- Removes whatever is under a record's key, and the record's key from its index.
-- KEYS: the record's.
-- ARGV: the prefix's length.

local key, length = KEYS[1], ARGV[1]
local head = redis.pcall('GETRANGE', key, 0, 36)
redis.call('UNLINK', key)
local tag = type(head) == 'string' and tag_of(head)
if tag and length ~= '' then
  redis.call('ZREM', string.sub(key, 1, length) .. 'p' .. tag, string.sub(key, length + 2))
end
return 1
