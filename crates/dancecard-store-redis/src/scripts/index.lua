-- Puts a record's key into an index on the index's node, before the record is stored on its own.
-- KEYS: the index's.
-- ARGV: the member, the minute in which the record ends, and since when what ended is gone.
-- Gives 1, or -2 when it would grow and must not.

if MUST_NOT_GROW and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return -2
end
remember(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return 1
