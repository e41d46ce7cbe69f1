/**
 * What the exchange does in Redis, each a step that nothing comes between. A project has a hash with its lease, one with its entries,
 * one with a field for each want of each instance, a sorted set with the end of each instance's wants, and a channel.
 */

import type { RedisScript } from "./connection.js";

const NOW = `
  local time = redis.call("TIME")
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * What others want, each once. A field of the wants is an instance, a space and what it wants; that of the instance alone has the turn
 * in which it said so. Wants of instances that are gone are forgotten, and the holder of the lease hears of it by their version.
 */
const WANTS = `
  local function forgetGone(lease, ends)
    if redis.call("ZREMRANGEBYSCORE", ends, "-inf", now) > 0 then redis.call("HINCRBY", lease, "wants", 1) end
    return redis.call("HGET", lease, "wants") or "0"
  end
  local function wantsOfOthers(wants, ends, instance)
    local isThere, isKnown, others = {}, {}, {}
    for _, other in ipairs(redis.call("ZRANGE", ends, 0, -1)) do isThere[other] = true end
    for _, field in ipairs(redis.call("HKEYS", wants)) do
      local other, want = string.match(field, "^(%S+) (.*)$")
      if not isThere[other or field] then
        redis.call("HDEL", wants, field)
      elseif want and other ~= instance and not isKnown[want] then
        isKnown[want] = true
        others[#others + 1] = want
      end
    end
    return others
  end
`;

/** Forgets what an instance wants, but for the fields that stay. Answers with how many there were. */
const FORGET = `
  local function forgetWants(wants, instance, staying)
    local forgotten = 0
    local head = instance .. " "
    for _, field in ipairs(redis.call("HKEYS", wants)) do
      if string.sub(field, 1, #head) == head and not staying[field] then
        forgotten = forgotten + redis.call("HDEL", wants, field)
      end
    end
    return forgotten
  end
`;

/**
 * KEYS: lease, entries, wants, ends. ARGV: instance, epoch of the lease it has, ms of a lease, ms to keep.
 * Answers with whether it has the lease, for how many ms that holds, epoch, seq, version of the wants, entries, wants.
 */
export const CLAIM: RedisScript = {
  name: "immClaim",
  lua: `
    ${NOW} ${WANTS}
    local owner, epoch, ends = unpack(redis.call("HMGET", KEYS[1], "owner", "epoch", "until"))
    epoch = tonumber(epoch) or 0
    local left = (tonumber(ends) or 0) - now
    local leaseMs = tonumber(ARGV[3])
    -- Longer than a lease is what is left where the clock of Redis was set back.
    local isFree = not owner or owner == "" or left <= 0 or left > 2 * leaseMs
    local isOwn = owner == ARGV[1]
    if isFree and not isOwn or isOwn and epoch ~= tonumber(ARGV[2]) then
      -- Also where it was its own before Redis was away: what Redis may have lost is then asked for by all.
      epoch = math.max(epoch + 1, now)
      isOwn = true
    end
    if isOwn then
      left = leaseMs
      redis.call("HSET", KEYS[1], "owner", ARGV[1], "epoch", epoch, "until", now + left)
    end
    local version = forgetGone(KEYS[1], KEYS[4])
    redis.call("PEXPIRE", KEYS[1], ARGV[4])
    return {
      isOwn and 1 or 0, left, epoch, tonumber(redis.call("HGET", KEYS[1], "seq") or 0), version,
      redis.call("HGETALL", KEYS[2]), wantsOfOthers(KEYS[3], KEYS[4], ARGV[1])
    }
  `,
};

/**
 * KEYS: lease, entries, wants, ends, channel. ARGV: instance, epoch, ms of a lease, ms to keep, version of the wants it knows, news,
 * number of names, the names to forget, then names and entries by turns. Answers with nothing where it has no lease any more, else
 * with seq, version of the wants, and them where that is another.
 */
export const PUBLISH: RedisScript = {
  name: "immPublish",
  lua: `
    local owner, epoch = unpack(redis.call("HMGET", KEYS[1], "owner", "epoch"))
    if owner ~= ARGV[1] or tonumber(epoch) ~= tonumber(ARGV[2]) then return {} end
    ${NOW} ${WANTS}
    redis.call("HSET", KEYS[1], "until", now + ARGV[3])
    local first = 8 + ARGV[7]
    for at = 8, first - 1 do redis.call("HDEL", KEYS[2], ARGV[at]) end
    for at = first, #ARGV, 2 do redis.call("HSET", KEYS[2], ARGV[at], ARGV[at + 1]) end
    redis.call("PEXPIRE", KEYS[2], ARGV[4])
    local seq = redis.call("HINCRBY", KEYS[1], "seq", 1)
    redis.call("PEXPIRE", KEYS[1], ARGV[4])
    redis.call("PUBLISH", KEYS[5], cjson.encode({
      v = 1, kind = "news", from = ARGV[1], epoch = tonumber(epoch), seq = seq, news = ARGV[6]
    }))
    local version = forgetGone(KEYS[1], KEYS[4])
    if version == ARGV[5] then return { seq, version } end
    return { seq, version, wantsOfOthers(KEYS[3], KEYS[4], ARGV[1]) }
  `,
};

/** KEYS: entries. ARGV: names. Answers with the entries, null for those that are not there. */
export const READ: RedisScript = {
  name: "immRead",
  lua: `
    local entries = {}
    for at, name in ipairs(ARGV) do entries[at] = redis.call("HGET", KEYS[1], name) end
    return entries
  `,
};

/**
 * KEYS: lease, wants, ends. ARGV: instance, turn, ms that wants hold, ms to keep, 1 where it is all it wants or 0 where it is what has changed,
 * number of wants that are over, these, then new ones. Answers with 0 where Redis does not know of the others: all are asked for.
 */
export const WANT: RedisScript = {
  name: "immWant",
  lua: `
    ${NOW} ${FORGET}
    local instance = ARGV[1]
    -- A command that waited in a stalled connection, which was given up, may come after later ones.
    if tonumber(ARGV[2]) <= tonumber(redis.call("HGET", KEYS[2], instance) or 0) then return 1 end
    local isWhole = ARGV[5] == "1"
    local ends = redis.call("ZSCORE", KEYS[3], instance)
    if not isWhole and (not ends or tonumber(ends) <= now) then return 0 end
    local changes = 0
    local first = 7 + ARGV[6]
    for at = 7, first - 1 do changes = changes + redis.call("HDEL", KEYS[2], instance .. " " .. ARGV[at]) end
    local wanted = {}
    for at = first, #ARGV do
      local field = instance .. " " .. ARGV[at]
      wanted[field] = true
      changes = changes + redis.call("HSET", KEYS[2], field, 1)
    end
    if isWhole then changes = changes + forgetWants(KEYS[2], instance, wanted) end
    redis.call("HSET", KEYS[2], instance, ARGV[2])
    redis.call("ZADD", KEYS[3], now + ARGV[3], instance)
    -- The holder is asked for what others want.
    if changes > 0 and redis.call("HGET", KEYS[1], "owner") ~= instance then
      redis.call("HINCRBY", KEYS[1], "wants", 1)
      redis.call("PEXPIRE", KEYS[1], ARGV[4])
    end
    for at = 2, 3 do redis.call("PEXPIRE", KEYS[at], ARGV[3] + ARGV[4]) end
    return 1
  `,
};

/** KEYS: channel. ARGV: instance, text. */
export const HINT: RedisScript = {
  name: "immHint",
  lua: `return redis.call("PUBLISH", KEYS[1], cjson.encode({ v = 1, kind = "hint", from = ARGV[1], text = ARGV[2] }))`,
};

/** KEYS: lease, wants, ends, channel. ARGV: instance, ms to keep. */
export const LEAVE: RedisScript = {
  name: "immLeave",
  lua: `
    ${FORGET}
    if forgetWants(KEYS[2], ARGV[1], {}) > 0 then
      redis.call("HINCRBY", KEYS[1], "wants", 1)
      redis.call("PEXPIRE", KEYS[1], ARGV[2])
    end
    redis.call("HDEL", KEYS[2], ARGV[1])
    redis.call("ZREM", KEYS[3], ARGV[1])
    if redis.call("HGET", KEYS[1], "owner") == ARGV[1] then
      redis.call("HDEL", KEYS[1], "owner", "until")
      redis.call("PUBLISH", KEYS[4], cjson.encode({ v = 1, kind = "released", from = ARGV[1] }))
    end
    return 1
  `,
};
