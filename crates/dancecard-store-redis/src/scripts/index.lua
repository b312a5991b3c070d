-- Puts a record's key into an index on the index's node, before the record is stored on its own.
-- KEYS: the index's.
-- ARGV: the member, the minute in which the record ends, now, slack, and whether the index must not grow.
-- Gives 1, or -2 when it would grow.

if ARGV[5] and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return -2
end
remember(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return 1
