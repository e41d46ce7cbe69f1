/**
 * What a Redis has to show before a gateway relies on it, for the command `doctor`: by one connection, which is tried once, and by
 * reads alone.
 */

import { Redis } from "ioredis";
import { letOthersRun, type Clock } from "../../clock.js";
import { toError } from "../../errors.js";

/** What was seen. */
export interface RedisFacts {
  /** For example `Redis 7.0.15`; empty where it does not say. */
  readonly product: string;
  /** Of Redis' protocol and commands, for example `7.0.15`; undefined where it does not say. */
  readonly version: string | undefined;
  readonly isOfCluster: boolean;
  readonly isReplica: boolean;
  /** Undefined where it does not say. */
  readonly appendOnly: boolean | undefined;
  /** Undefined where it does not say. */
  readonly evictionPolicy: string | undefined;
  /** Milliseconds that this machine's wall clock is ahead of Redis'. */
  readonly skewMs: number;
  /** Gateways of that prefix. */
  readonly instances: number;
}

export interface RedisExamination {
  readonly url: string;
  readonly prefix: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What Redis, or the way to it, has refused. */
export class RedisFault extends Error {
  override readonly name = "RedisFault";

  /**
   * @param step - what was tried: to connect, to run a script, or to listen to a channel.
   * @param code - of the system, or the word that a refusal of Redis begins with.
   */
  constructor(
    readonly step: "connect" | "script" | "channel",
    readonly code: string,
  ) {
    super(code);
  }
}

const TIMEOUT_MS = 2_000;

/** Redis' time in milliseconds, and how many instances have said since that they are there. */
const LOOK = `
  local time = redis.call("TIME")
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  return { now, redis.call("ZCOUNT", KEYS[1], now, "+inf") }
`;

/** @throws RedisFault - when the gateway could not use it. */
export async function examineRedis({ url, prefix, clock, signal }: RedisExamination): Promise<RedisFacts> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    protocol: 2,
  });
  let fault: unknown;
  redis.on("error", (thrown: unknown) => (fault ??= thrown));
  const attempt = async <T>(step: RedisFault["step"], work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (thrown) {
      // What was wrong with the connection may be said a little later.
      await letOthersRun();
      throw new RedisFault(step, signal.aborted ? "ETIMEDOUT" : codeOf(fault ?? thrown));
    }
  };
  signal.addEventListener("abort", () => redis.disconnect(), { once: true });
  try {
    await attempt("connect", redis.connect());
    if (fault !== undefined) throw new RedisFault("connect", codeOf(fault));
    const info = parseInfo(await redis.info().catch(() => ""));
    const isOfCluster = info.get("redis_mode") === "cluster";
    const isReplica = info.get("role") === "slave";
    const sentAt = clock.now();
    const look = redis.eval(LOOK, 1, `${prefix}:instances`);
    // A node of a cluster may not have that key.
    const [now, instances] = isOfCluster ? [sentAt, 0] : ((await attempt("script", look)) as [number, number]);
    const skewMs = (sentAt + clock.now()) / 2 - now;
    await attempt("channel", redis.subscribe(`${prefix}:doctor`));
    const appendOnly = info.get("aof_enabled");
    return {
      product: productOf(info),
      version: info.get("redis_version"),
      isOfCluster,
      isReplica,
      appendOnly: appendOnly === undefined ? undefined : appendOnly === "1",
      evictionPolicy: info.get("maxmemory_policy"),
      skewMs,
      instances,
    };
  } finally {
    redis.disconnect();
  }
}

function productOf(info: ReadonlyMap<string, string>): string {
  const valkey = info.get("valkey_version");
  if (valkey !== undefined) return `Valkey ${valkey}`;
  const redis = info.get("redis_version");
  return redis === undefined ? "" : `Redis ${redis}`;
}

/** Lines of `name:value`, of which a managed Redis may leave some out. */
function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\r\n").flatMap((line) => {
      const [, name, value] = /^(\w+):(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** The code of the system, or the first word of what Redis says, such as `WRONGPASS`; never more of it. */
function codeOf(thrown: unknown): string {
  const { code, message, name } = toError(thrown) as NodeJS.ErrnoException;
  if (code !== undefined) return code;
  if (message.startsWith("ERR DB index")) return "DB_INDEX";
  if (message.startsWith("Unknown RESP type")) return "PROTOCOL";
  if (/timed? ?out/i.test(message)) return "ETIMEDOUT";
  if (/^Connection is closed/.test(message)) return "ECONNRESET";
  return /^[A-Z]{3,}\b/.exec(message)?.[0] ?? name;
}
