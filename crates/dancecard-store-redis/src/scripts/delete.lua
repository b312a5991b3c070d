-- Removes whatever is under a record's key, and the record's key from its index.
-- KEYS: the record's.
-- ARGV: the prefix's length.

local head = redis.pcall('GETRANGE', KEYS[1], 0, HEAD_END)
redis.call('UNLINK', KEYS[1])
if type(head) == 'string' then
  forget(KEYS[1], ARGV[1], tag_of(head))
end
return 1
