-- The head of a record, with places counted from 0 as GETRANGE does (form.rs): 0 layout, 1 version, 9 expiry, 21 tag.
-- Indexes stand beside the records: a record's key is the prefix, an s, and the session's key; an index's is the prefix,
-- a p, and the tag. The prefix's length is empty where indexes are kept on other nodes.

-- The principal's tag in a head, or nothing.
local function tag_of(head)
  if string.byte(head, 1) == 0xd2 then
    return string.sub(head, 22, 37)
  end
end

-- Puts a record's key into an index that is sorted by the minutes in which records end. It never moves a key to an
-- earlier minute, so that an index may be told of a record's new end before the record is. Where that moves nothing,
-- nothing else needs to be done: once a minute and record at most it clears away what ended before `since`, and sees to
-- it that the index itself ends after the last of its records.
local function remember(index, member, minute, since)
  if redis.call('ZADD', index, 'GT', 'CH', minute, member) == 0 then
    return
  end
  local ended = string.format('(%.0f', math.floor(since / 60000))
  redis.call('ZREMRANGEBYSCORE', index, '-inf', ended)
  local last = redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]
  if last == 'inf' then
    redis.call('PERSIST', index)
  elseif last then
    redis.call('PEXPIRE', index, string.format('%.0f', last * 60000 - since + 60000))
  end
end

-- Before a record is written, so that a refusal of the index is one of the write as well: a script that stops halfway
-- takes nothing back.
local function enter(key, length, value, minute, since)
  local tag = tag_of(value)
  if tag and length ~= '' then
    remember(string.sub(key, 1, length) .. 'p' .. tag, string.sub(key, length + 2), minute, since)
  end
end

-- After a record was written or removed: `before` is the head that it had, or empty. What is done is done, so an index
-- that can't be changed is left as it is; it may name what is gone.
local function leave(key, length, before, value)
  local old = tag_of(before)
  if old and length ~= '' and old ~= tag_of(value) then
    redis.pcall('ZREM', string.sub(key, 1, length) .. 'p' .. old, string.sub(key, length + 2))
  end
end
