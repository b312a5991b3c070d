-- The head of a record: see form.rs. Places are counted from 1 here.

local HEAD_END = 36
local EXPIRY = 9

local function head_of(key)
  return redis.call('GETRANGE', key, 0, HEAD_END)
end

local function is_ours(head)
  local layout = string.byte(head, 1)
  return layout == 0xd1 or layout == 0xd2
end

local function version_of(head)
  return string.sub(head, 2, 9)
end

-- The principal's tag, or nothing.
local function tag_of(head)
  if string.byte(head, 1) == 0xd2 then
    return string.sub(head, 22, 37)
  end
end

local function put(key, value, life)
  if life == '' then
    redis.call('SET', key, value)
  else
    redis.call('SET', key, value, 'PX', life)
  end
end

-- Puts a record's key into an index that is sorted by the minutes in which records end. It never moves a key to an
-- earlier minute, so that an index may be told of a record's new end before the record is. Where that moves nothing,
-- nothing else needs to be done: once a minute and record at most it clears away what ended, and sees to it that the
-- index itself ends after the last of its records.
local function remember(index, member, minute, now, slack)
  if redis.call('ZADD', index, 'GT', 'CH', minute, member) == 0 then
    return
  end
  local ended = math.floor((now - slack) / 60000)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', '(' .. string.format('%.0f', ended))
  local last = redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]
  if last == 'inf' then
    redis.call('PERSIST', index)
  elseif last then
    redis.call('PEXPIRE', index, string.format('%.0f', last * 60000 - now + slack + 60000))
  end
end

-- Indexes stand beside the records: a record's key is the prefix, an s, and the session's key; an index's is the prefix,
-- a p, and the tag. `length` is that of the prefix, or empty where indexes are kept on other nodes.
local function index_of(key, length, tag)
  return string.sub(key, 1, length) .. 'p' .. tag
end

local function member_of(key, length)
  return string.sub(key, length + 2)
end

local function forget(key, length, tag)
  if length ~= '' and tag then
    redis.call('ZREM', index_of(key, length, tag), member_of(key, length))
  end
end

-- After a record was written: `before` is the head that it had, if any.
local function index(key, length, before, value, minute, now, slack)
  if length == '' then
    return
  end
  local old, new = tag_of(before), tag_of(value)
  if old ~= new then
    forget(key, length, old)
  end
  if new then
    remember(index_of(key, length, new), member_of(key, length), minute, now, slack)
  end
end
