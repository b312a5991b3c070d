-- Removes whatever is under a record's key, and the record's key from its index.
-- KEYS: the record's.
-- ARGV: the prefix's length.

local key, length = KEYS[1], ARGV[1]
local head = redis.pcall('GETRANGE', key, 0, 36)
redis.call('UNLINK', key)
if type(head) == 'string' then
  leave(key, length, head, '')
end
return 1
