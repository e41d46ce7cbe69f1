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

const TIMEOUT_MS = 1_500;

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
    disconnectTimeout: 100,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    // It would write to the console where the user may not ask; what does not answer yet shows with the script.
    enableReadyCheck: false,
    protocol: 2,
  });
  let fault: unknown;
  redis.on("error", (thrown: unknown) => (fault ??= thrown));
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(toError(signal.reason)), { once: true });
  });
  // Nothing may wait for it.
  aborted.catch(() => undefined);
  const attempt = async <T>(step: RedisFault["step"], work: Promise<T>): Promise<T> => {
    try {
      return await Promise.race([work, aborted]);
    } catch (thrown) {
      // What was wrong with the connection may be said a little later.
      await letOthersRun();
      throw new RedisFault(step, signal.aborted ? "ETIMEDOUT" : codeOf(fault ?? thrown));
    }
  };
  try {
    await attempt("connect", redis.connect());
    if (fault !== undefined) throw new RedisFault("connect", codeOf(fault));
    const info = parseInfo(await redis.info().catch(() => ""));
    const appendOnly = info.get("aof_enabled");
    const facts = {
      product: productOf(info),
      version: info.get("redis_version"),
      isOfCluster: info.get("redis_mode") === "cluster",
      isReplica: info.get("role") === "slave",
      appendOnly: appendOnly === undefined ? undefined : appendOnly === "1",
      evictionPolicy: info.get("maxmemory_policy"),
      skewMs: 0,
      instances: 0,
    };
    // A node of one may not have the keys.
    if (facts.isOfCluster) return facts;
    const sentAt = clock.now();
    // The cast: the script says so.
    const [now, instances] = (await attempt("script", redis.eval(LOOK, 1, `${prefix}:instances`))) as [number, number];
    const skewMs = (sentAt + clock.now()) / 2 - now;
    await attempt("channel", redis.subscribe(`${prefix}:doctor`));
    return { ...facts, skewMs, instances };
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
  if (message.startsWith("Connection is closed")) return "ECONNRESET";
  return /^[A-Z]{3,}\b/.exec(message)?.[0] ?? name;
}
