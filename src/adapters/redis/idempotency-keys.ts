/**
 * Idempotency keys on Redis: one answer for all instances, which outlives them. A key is one text, `version phase attempt input
 * time lost answer`, which Redis forgets 24 hours after its first use; of the create's input it holds a keyed digest. Who may
 * change it is judged by the attempt's own token, in the script that changes it.
 */

import { randomUUID } from "node:crypto";
import { SharedStateAwayError, UpstreamUnavailableError } from "../../errors.js";
import { isRecord } from "../../json.js";
import {
  KEY_LIFETIME_MS,
  type IdempotencyKeys,
  type KeyAnswer,
  type KeyHold,
  type KeyUse,
} from "../../tasks/create/idempotency-keys.js";
import type { IdempotencyTag } from "../../tasks/create/idempotency-tag.js";
import type { RedisConnection, RedisScript } from "./connection.js";

/**
 * `time` is until when a key is taken, or a create under way; or since when its answer is lost. `lost` is `time/attempt` of the
 * create before one that has taken the key, `-` without such a create. Instants are Redis' own, in milliseconds.
 */
const COMMON = `
  local time = redis.call("TIME")
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local text = redis.call("GET", KEYS[1])
  local version, phase, attempt, input, at, lost, answer
  if text then
    version, phase, attempt, input, at, lost, answer =
      string.match(text, "^(%d+) (%a+) (%S+) (%S+) (%d+) (%S+) ?(.*)$")
  end
`;

/** ARGV: attempt, input, milliseconds of the hold, milliseconds that the key lives. */
const TAKE: RedisScript = {
  name: "immTakeKey",
  lua: `${COMMON}
    local before = "-"
    if text then
      -- Of a later release: all that is certain is that a task may have been started.
      if version ~= "1" then return { "lost" } end
      if input ~= ARGV[2] then return { "reused" } end
      if phase == "answered" then return { "answered", answer } end
      if phase ~= "lost" and tonumber(at) > now then return { "underWay", at - now } end
      if phase == "taken" then before = lost else before = at .. "/" .. attempt end
    end
    local taken = string.format("1 taken %s %s %.0f %s", ARGV[1], ARGV[2], now + ARGV[3], before)
    if text then redis.call("SET", KEYS[1], taken, "KEEPTTL") else redis.call("SET", KEYS[1], taken, "PX", ARGV[4]) end
    local since = string.match(before, "^%d+")
    return { "taken", since and now - since or -1 }
  `,
};

/** ARGV: attempt, what is said, and by phase the milliseconds of the hold or the answer. Answers 1 where it counts. */
const SAY: RedisScript = {
  name: "immSayOfKey",
  lua: `${COMMON}
    if version ~= "1" or phase == "answered" then return 0 end
    local said = ARGV[2]
    local isOwn = attempt == ARGV[1]
    -- What counts as lost by now may be known after all, as long as no other attempt has begun.
    if said == "answered" and string.match(lost, "/(.*)$") == ARGV[1] then isOwn = true end
    if not isOwn or (said == "begun" and phase ~= "taken") then return 0 end
    if said == "free" then
      if lost == "-" then
        redis.call("DEL", KEYS[1])
        return 1
      end
      said = "lost"
      at, attempt = string.match(lost, "^(%d+)/(.*)$")
    elseif said == "begun" then
      at = string.format("%.0f", now + ARGV[3])
    else
      at = string.format("%.0f", now)
    end
    local value = "1 " .. said .. " " .. attempt .. " " .. input .. " " .. at .. " -"
    if said == "answered" then value = "1 answered - " .. input .. " " .. at .. " - " .. ARGV[3] end
    redis.call("SET", KEYS[1], value, "KEEPTTL")
    return 1
  `,
};

/** What is still to be said of a key: Redis was away. */
type Unsaid = readonly [key: string, attempt: string, said: string, answer: string];

/** Attempts that have still something to say; beyond it the oldest keeps silent, and its key counts as lost later. */
const MAX_UNSAID = 1_000;

/** When to come back where Redis is away. */
const RETRY_AFTER_MS = 1_000;

export class RedisIdempotencyKeys implements IdempotencyKeys {
  readonly #connection: RedisConnection;
  /** By attempt. */
  readonly #unsaid = new Map<string, Unsaid>();

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    connection.onChange((state) => {
      if (state === "up") this.#sayAll();
    });
  }

  async take(projectName: string, { key, input }: IdempotencyTag, holdMs: number): Promise<KeyUse> {
    const redisKey = this.#connection.keyOf(`key:${key}`, projectName);
    const attempt = randomUUID();
    const isSent = this.#connection.state === "up";
    let reply: unknown;
    try {
      reply = await this.#connection.run(TAKE, [redisKey], [attempt, input, Math.ceil(holdMs), KEY_LIFETIME_MS]);
    } catch (thrown) {
      // It may have been taken all the same.
      if (isSent) this.#keepUnsaid([redisKey, attempt, "free", ""]);
      throw toUnavailable(thrown);
    }
    // The cast: the script says so.
    const [kind, value] = reply as [string, string | number | undefined];
    switch (kind) {
      case "reused":
        return { kind };
      case "underWay":
        return { kind, restMs: Number(value) };
      case "answered": {
        const answer = toAnswer(String(value));
        // One that cannot be read has had a task all the same.
        return answer === undefined ? { kind: "taken", hold: NOT_HELD, lostMs: 0 } : { kind, answer };
      }
      case "lost":
        return { kind: "taken", hold: NOT_HELD, lostMs: 0 };
      default: {
        const lostMs = Number(value);
        return { kind: "taken", hold: this.#holdOf(redisKey, attempt), lostMs: lostMs < 0 ? null : lostMs };
      }
    }
  }

  #holdOf(key: string, attempt: string): KeyHold {
    return {
      begin: async (holdMs) => {
        try {
          return (await this.#connection.run(SAY, [key], [attempt, "begun", Math.ceil(holdMs)])) === 1;
        } catch (thrown) {
          throw toUnavailable(thrown);
        }
      },
      settle: async ({ taskId, eventId, requestId, startedAt }) =>
        this.#say([key, attempt, "answered", JSON.stringify({ taskId, eventId, requestId, startedAt })]),
      lose: async () => this.#say([key, attempt, "lost", ""]),
      free: async () => this.#say([key, attempt, "free", ""]),
    };
  }

  async #say(unsaid: Unsaid): Promise<void> {
    const [key, attempt, said, answer] = unsaid;
    try {
      await this.#connection.run(SAY, [key], [attempt, said, answer]);
    } catch (thrown) {
      if (!(thrown instanceof SharedStateAwayError)) throw thrown;
      this.#keepUnsaid(unsaid);
    }
  }

  #keepUnsaid(unsaid: Unsaid): void {
    this.#unsaid.set(unsaid[1], unsaid);
    if (this.#unsaid.size <= MAX_UNSAID) return;
    for (const oldest of this.#unsaid.keys()) {
      this.#unsaid.delete(oldest);
      return;
    }
  }

  #sayAll(): void {
    const all = [...this.#unsaid.values()];
    this.#unsaid.clear();
    for (const unsaid of all) void this.#say(unsaid);
  }
}

/** A key that a later release has written: this one does not know how, so it is left alone. */
const NOT_HELD: KeyHold = {
  begin: async () => false,
  settle: async () => undefined,
  lose: async () => undefined,
  free: async () => undefined,
};

/** Undefined for what was not written above. */
function toAnswer(text: string): KeyAnswer | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (!isRecord(answer)) return undefined;
    const { taskId, eventId = null, requestId = null, startedAt } = answer;
    const isRight = typeof taskId === "string" && typeof startedAt === "number" && [eventId, requestId].every(isText);
    // The cast: it was just looked at.
    return isRight ? ({ taskId, eventId, requestId, startedAt } as KeyAnswer) : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): boolean {
  return value === null || typeof value === "string";
}

function toUnavailable(thrown: unknown): unknown {
  if (!(thrown instanceof SharedStateAwayError)) return thrown;
  return new UpstreamUnavailableError(
    "The idempotency key cannot be kept, since Redis (`REDIS_URL`) is not reached. No task was started: repeat the create with the same key.",
    { mayHaveArrived: false, retryAfterMs: RETRY_AFTER_MS, cause: thrown },
  );
}
