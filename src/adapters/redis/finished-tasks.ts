/**
 * The finished tasks that instances share, on Redis: of each project a hash of texts, and a sorted set of when each was written.
 * One script puts tasks there and lets the oldest go, beyond a number and an age.
 */

import { RETENTION_DAYS } from "../../imm/operations/operations.js";
import type { FinishedTask, FinishedTasks } from "../../tasks/read/finished-tasks.js";
import type { RedisConnection, RedisScript } from "./connection.js";

export interface RedisFinishedTasksOptions {
  readonly connection: RedisConnection;
  /** Tasks kept of each project; those that were written first go first. Minimum: `1`. */
  readonly maxTasks: number;
}

/** IMM forgets a task after so long. */
const KEPT_MS = RETENTION_DAYS * 24 * 60 * 60_000;
/** Names of one command, and tasks of one: it must be answered soon, and others wait for it. */
const MAX_NAMES = 500;
const MAX_TASKS = 50;

/** KEYS: texts. ARGV: names. */
const READ: RedisScript = {
  name: "immReadFinished",
  lua: `return redis.call("HMGET", KEYS[1], unpack(ARGV))`,
};

/** KEYS: texts, times. ARGV: the most tasks, milliseconds to keep them; name, rank and text of each. The rank stands before the text. */
const WRITE: RedisScript = {
  name: "immWriteFinished",
  lua: `
    local time = redis.call("TIME")
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local max, keptMs = tonumber(ARGV[1]), tonumber(ARGV[2])
    for i = 3, #ARGV, 3 do
      local kept = redis.call("HGET", KEYS[1], ARGV[i])
      if not kept or string.sub(kept, 1, 1) <= ARGV[i + 1] then
        redis.call("HSET", KEYS[1], ARGV[i], ARGV[i + 1] .. ARGV[i + 2])
        redis.call("ZADD", KEYS[2], now, ARGV[i])
      end
    end
    local tooMany = redis.call("ZCARD", KEYS[2]) - max
    local tooOld = redis.call("ZCOUNT", KEYS[2], "-inf", now - keptMs)
    local gone = redis.call("ZPOPMIN", KEYS[2], math.max(tooMany, tooOld, 0))
    for i = 1, #gone, 2 do redis.call("HDEL", KEYS[1], gone[i]) end
    redis.call("PEXPIRE", KEYS[1], keptMs)
    redis.call("PEXPIRE", KEYS[2], keptMs)
  `,
};

export class RedisFinishedTasks implements FinishedTasks {
  readonly #connection: RedisConnection;
  readonly #maxTasks: number;

  constructor({ connection, maxTasks }: RedisFinishedTasksOptions) {
    this.#connection = connection;
    this.#maxTasks = maxTasks;
  }

  timeAt(tick: number): number {
    return this.#connection.timeAt(tick);
  }

  tickAt(timeMs: number): number {
    return this.#connection.tickAt(timeMs);
  }

  async read(projectName: string, names: readonly string[]): Promise<readonly (string | undefined)[]> {
    const keys = [this.#connection.keyOf("finished", projectName)];
    const replies = await Promise.all(inChunks(names, MAX_NAMES).map((some) => this.#connection.run(READ, keys, some)));
    return replies.flat().map((text) => (typeof text === "string" ? text.slice(1) : undefined));
  }

  async write(projectName: string, tasks: readonly FinishedTask[]): Promise<void> {
    const keys = ["finished", "finished-times"].map((kind) => this.#connection.keyOf(kind, projectName));
    for (const some of inChunks(tasks, MAX_TASKS)) {
      const args = some.flatMap(({ name, rank, text }) => [name, rank, text]);
      await this.#connection.run(WRITE, keys, [this.#maxTasks, KEPT_MS, ...args]);
    }
  }
}

function inChunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
