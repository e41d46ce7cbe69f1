/**
 * The call budget that all instances share, in Redis: one script answers for all calls of a project that wait. By Redis' time no
 * second, wherever it begins, has more grants than `MAX_CALLS_PER_SECOND`. While Redis is away an instance keeps to its share,
 * so that in any second there are at most so many calls more than the budget as the instances that are cut off, while others
 * are not, have for their shares.
 */

import type { Clock } from "../../clock.js";
import { SharedStateAwayError, UpstreamUnavailableError } from "../../errors.js";
import {
  KEPT_AGAIN_MS,
  LATE_MS,
  type CallGrants,
  type Grant,
  type ProjectGrants,
  type WaitingCalls,
} from "../../imm/policy/call-grants.js";
import { CallWindow } from "../../imm/policy/call-window.js";
import type { RedisConnection, RedisScript } from "./connection.js";

/** Milliseconds after its grant for which a call may be sent: later it is lost. */
const GRANT_MS = 100;
/** Milliseconds for which a grant counts: so that also what is sent so late is not too much for its second. */
const WINDOW_MS = 1_000 + GRANT_MS;
/**
 * Where calls wait, a tenth of a second's calls is granted in so many milliseconds: what came in one burst would else come so
 * each second, and where some are late, IMM would have two bursts in one second.
 */
const PACE_MS = 100;
/** Milliseconds between two questions, at the least: what comes free meanwhile is granted together. */
const MIN_AGAIN_MS = 40;
/** Milliseconds for which the state of a project is kept, from its last question on. */
const STATE_MS = 5_000;
/** Milliseconds after Redis is there again for which an instance keeps to its share: others may not know it yet. */
const RETURN_MS = 3_000;

/**
 * The state is one text, of which no other version is read: `granted` has [time, calls] of the last second, the oldest first;
 * `lines` and `reached` are those of `CallTurns`, with `i` the instance, `u` the urgency, `w` how many it wants, `t` the tag and
 * `e` the end.
 */
const TAKE: RedisScript = {
  name: "immTakeCalls",
  lua: `
    local time = redis.call("TIME")
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local me, max, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

    local isRead, state = pcall(cjson.decode, redis.call("GET", KEYS[1]) or "")
    if not isRead or type(state) ~= "table" or state.v ~= 1 then
      state = { v = 1, granted = {}, lines = {}, reached = 0 }
    end

    -- A grant counts from the millisecond after it, so that none counts too short; never from later, should Redis' clock be set back.
    local granted, left, pace, paced = {}, max, math.ceil(max * ${PACE_MS} / 1000), nil
    for _, entry in ipairs(state.granted) do
      local at = math.min(entry[1], now + 1)
      if at + ${WINDOW_MS} > now then
        granted[#granted + 1] = { at, entry[2] }
        left = left - entry[2]
      end
      if at + ${PACE_MS} > now then
        pace = pace - entry[2]
        paced = paced or at
      end
    end
    left = math.max(0, left)

    local wanted, all = {}, 0
    for index = 4, #ARGV, 2 do
      wanted[ARGV[index]] = tonumber(ARGV[index + 1])
      all = all + wanted[ARGV[index]]
    end
    local lines, isAlone, known = {}, true, {}
    for _, line in ipairs(state.lines) do
      -- What ends far ahead was written before the clock of Redis was set back.
      if line.e > now and line.e < now + 60000 and (line.i ~= me or wanted[line.u]) then
        lines[#lines + 1] = line
        if line.i == me then known[line.u] = true else isAlone = false end
      end
    end
    local room = left
    if #lines > 0 then room = math.max(0, math.min(left, pace)) end
    for index = 4, #ARGV, 2 do
      local urgency = ARGV[index]
      if not known[urgency] then lines[#lines + 1] = { i = me, u = urgency, w = 0, t = -math.huge } end
    end

    local size, urgencies, top = {}, 0, -math.huge
    for _, line in ipairs(lines) do
      if not size[line.u] then urgencies = urgencies + 1 end
      size[line.u] = (size[line.u] or 0) + 1
      top = math.max(top, tonumber(line.u))
    end
    local function step(line)
      return size[line.u] * (tonumber(line.u) == top and 1 or 4 * (urgencies - 1))
    end
    -- What is wanted anew begins as if it had just had a turn.
    for _, line in ipairs(lines) do
      if line.i == me then
        line.t = math.max(line.t, state.reached + step(line) * (1 - line.w))
        line.w = wanted[line.u]
      end
    end

    local calls, dealt = 0, {}
    if isAlone then calls = math.min(all, most, room) else
      local tags, waiting = {}, {}
      for index, line in ipairs(lines) do tags[index], waiting[index] = line.t, line.w end
      for _ = 1, room do
        local first
        for index, line in ipairs(lines) do
          if waiting[index] > 0 and (not first or tags[index] < tags[first] or
            (tags[index] == tags[first] and tonumber(line.u) > tonumber(lines[first].u))) then first = index end
        end
        if not first or calls == most then break end
        local line = lines[first]
        if line.i == me then
          state.reached = math.max(state.reached, line.t)
          line.t = line.t + step(line)
          line.w = line.w - 1
          dealt[line.u] = (dealt[line.u] or 0) + 1
          calls = calls + 1
        end
        tags[first] = tags[first] + step(line)
        waiting[first] = waiting[first] - 1
      end
    end

    if calls > 0 then
      granted[#granted + 1] = { now + 1, calls }
      paced = paced or now + 1
    end
    local again, isWanting = 0, calls < math.min(all, most)
    if isWanting then
      if calls < room then again = ${KEPT_AGAIN_MS}
      elseif room < left then again = paced + ${PACE_MS} - now
      else again = granted[1][1] + ${WINDOW_MS} - now end
      again = math.max(${MIN_AGAIN_MS}, again)
    end
    state.lines = {}
    for _, line in ipairs(lines) do
      if line.i == me then
        line.w = math.min(line.w, most)
        line.e = now + again + ${LATE_MS}
      end
      if line.w > 0 and (isWanting or line.i ~= me) then state.lines[#state.lines + 1] = line end
    end
    state.granted = granted
    redis.call("SET", KEYS[1], cjson.encode(state), "PX", ${STATE_MS})

    local reply = { now, calls, again, left - calls, isAlone and 1 or 0 }
    for urgency, count in pairs(dealt) do
      reply[#reply + 1] = tonumber(urgency)
      reply[#reply + 1] = count
    end
    return reply
  `,
};

export interface RedisCallGrantsOptions {
  readonly connection: RedisConnection;
  /** The one of the connection. */
  readonly clock: Clock;
  /** Calls of one project in any window of a second, of all instances. */
  readonly maxCallsPerSecond: number;
}

/** What an instance may grant itself: its part of the budget, while the others cannot be asked. */
class Share {
  readonly #options: RedisCallGrantsOptions;
  /** How many instances there were when Redis went away: one that has restarted has forgotten them at first. */
  #instances = 1;
  /** What was granted before is over by then. */
  fromTick = -Infinity;
  /** Until then what the others are granted may be more than Redis knows. */
  untilTick = -Infinity;

  constructor(options: RedisCallGrantsOptions) {
    this.#options = options;
    const { connection, clock } = options;
    connection.onChange((state) => {
      const now = clock.tick();
      if (state === "away") {
        this.#instances = now < this.untilTick ? Math.max(this.#instances, connection.instances) : connection.instances;
        // While the share bounds all the same, what was granted before is in its window: a Redis that comes and goes stops no call.
        if (now >= this.untilTick) this.fromTick = now + WINDOW_MS;
        this.untilTick = Infinity;
      } else if (this.untilTick === Infinity) this.untilTick = now + RETURN_MS;
    });
  }

  /** Calls of one project in any window of a second. */
  get max(): number {
    const { maxCallsPerSecond, connection } = this.#options;
    return Math.max(1, Math.floor(maxCallsPerSecond / Math.max(this.#instances, connection.instances)));
  }
}

export class RedisCallGrants implements CallGrants {
  readonly isAsked = true;
  readonly #options: RedisCallGrantsOptions;
  readonly #share: Share;

  constructor(options: RedisCallGrantsOptions) {
    this.#options = options;
    this.#share = new Share(options);
  }

  of(projectName: string): ProjectGrants {
    return new RedisProjectGrants(projectName, this.#options, this.#share);
  }
}

class RedisProjectGrants implements ProjectGrants {
  readonly #options: RedisCallGrantsOptions;
  readonly #key: string;
  readonly #share: Share;
  /** What this instance was granted, by Redis or of its share. */
  readonly #window = new CallWindow(WINDOW_MS);
  /** What Redis had left when it last answered. */
  #left: number;
  #answeredTick = -Infinity;

  constructor(projectName: string, options: RedisCallGrantsOptions, share: Share) {
    this.#options = options;
    this.#key = options.connection.keyOf("calls", projectName);
    this.#share = share;
    this.#left = options.maxCallsPerSecond;
  }

  /** Of what others are granted it knows what the last answer said. */
  get left(): number {
    const { connection, clock, maxCallsPerSecond } = this.#options;
    const now = clock.tick();
    if (connection.state === "unseen") return 0;
    if (connection.state === "away") return this.#shareLeft(now);
    return now - this.#answeredTick < WINDOW_MS ? this.#left : maxCallsPerSecond;
  }

  get isUnused(): boolean {
    return this.#window.isEmpty(this.#options.clock.tick());
  }

  take(waiting: WaitingCalls, most: number): Grant | Promise<Grant> {
    const { connection, clock } = this.#options;
    if (connection.state === "unseen") {
      throw new UpstreamUnavailableError(
        "Redis (REDIS_URL) was not reached yet, so that it is not known how many calls to IMM may be made.",
        { mayHaveArrived: false },
      );
    }
    if (connection.state === "away") return this.#takeShare(most);
    const now = clock.tick();
    if (now >= this.#share.untilTick) return this.#ask(waiting, most);
    const left = this.#shareLeft(now);
    return left > 0 ? this.#ask(waiting, Math.min(most, left)) : this.#takeShare(0);
  }

  /** What waits with Redis ends by itself. */
  release(): void {}

  async #ask(waiting: WaitingCalls, most: number): Promise<Grant> {
    const { connection, clock, maxCallsPerSecond } = this.#options;
    const wanted = [...waiting.sizes].flat();
    try {
      const reply = await connection.run(
        TAKE,
        [this.#key],
        [connection.instanceId, maxCallsPerSecond, most, ...wanted],
      );
      // The cast: the script above says so.
      const [time, calls, againMs, left, isAlone, ...dealt] = reply as [number, number, number, number, number];
      const now = clock.tick();
      this.#left = left;
      this.#answeredTick = now;
      // What was granted so long ago counts no more where it would be sent now.
      if (calls > 0 && now - connection.tickAt(time) > GRANT_MS) return this.#takeShare(most);
      for (let call = 0; call < calls; call += 1) this.#window.count(now);
      return { calls, againMs, byUrgency: isAlone === 1 ? undefined : new Map(pairsOf(dealt)) };
    } catch (thrown) {
      if (thrown instanceof SharedStateAwayError) return this.#takeShare(most);
      throw thrown;
    }
  }

  #takeShare(most: number): Grant {
    const { max, fromTick } = this.#share;
    const now = this.#options.clock.tick();
    const calls = Math.min(most, this.#shareLeft(now));
    for (let call = 0; call < calls; call += 1) this.#window.count(now);
    return { calls, againMs: Math.max(0, fromTick - now, this.#window.restMs(now, max)) };
  }

  #shareLeft(now: number): number {
    return now < this.#share.fromTick ? 0 : this.#window.left(now, this.#share.max);
  }
}

function pairsOf(list: readonly number[]): [number, number][] {
  return list.flatMap((value, index) => (index % 2 === 0 ? [[value, list[index + 1] ?? 0]] : []));
}
