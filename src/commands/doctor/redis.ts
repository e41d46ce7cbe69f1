/** Whether the Redis of REDIS_URL can be shared by: it answers, lets scripts run, keeps what it is given, and has the time. */

import type { Clock } from "../../clock.js";
import type { CommandOptions } from "../../options/options.js";
import { importRedis, placeOf, type RedisFacts, type RedisFault } from "../../server/gateway-sharing.js";
import { failed, ok, warning, type Check, type Finding } from "./check.js";

/** The release from which on it has all that the scripts use. */
const MIN_VERSION = "6.2";
/** Beyond it one of the two clocks is wrong. */
const WARNING_SKEW_MS = 30_000;

export async function checkRedis(options: CommandOptions, clock: Clock, signal: AbortSignal): Promise<Finding> {
  const { redisUrl } = options;
  if (redisUrl === undefined) return { checks: [] };
  const { examineRedis, prefixOf, RedisFault } = await importRedis();
  const place = placeOf(redisUrl);
  const prefix = prefixOf(options);
  try {
    const facts = await examineRedis({ url: redisUrl, prefix, clock, signal });
    return { checks: checksOf(facts, place, prefix) };
  } catch (thrown) {
    if (!(thrown instanceof RedisFault)) throw thrown;
    return { checks: [refusalOf(thrown, place, prefix)] };
  }
}

function checksOf(facts: RedisFacts, place: string, prefix: string): Check[] {
  const { product, version, isOfCluster, isReplica, instances } = facts;
  const name = product === "" ? "Redis" : product;
  if (isOfCluster) {
    return [
      failed(
        "redis",
        `${name} at ${place} is a node of a cluster, and REDIS_URL leads to one server.`,
        "Set REDIS_URL to a Redis without cluster mode, or to its proxy; a program hands `createGateway` a `Cluster` of ioredis.",
      ),
    ];
  }
  if (isReplica) {
    const message = `${name} at ${place} is a replica, which takes no writes.`;
    return [
      failed("redis", message, "Set REDIS_URL to the primary; a program hands `createGateway` a client for Sentinel."),
    ];
  }
  if (version !== undefined && isOlder(version, MIN_VERSION)) {
    return [failed("redis", `${name} at ${place} is too old.`, `Take Redis ${MIN_VERSION} or later, or Valkey.`)];
  }
  const seen = instances === 0 ? "no gateway of" : `${instances} ${instances === 1 ? "gateway" : "gateways"} of`;
  const message = `${name} at ${place} answers and runs scripts; ${seen} the prefix ${prefix} ${instances > 1 ? "are" : "is"} there.`;
  return [ok("redis", message), ...keepingOf(facts), ...skewOf(facts)];
}

/** What Redis does with what it is given. */
function keepingOf({ appendOnly, evictionPolicy }: RedisFacts): Check[] {
  const checks: Check[] = [];
  if (appendOnly === undefined || evictionPolicy === undefined) {
    checks.push(
      warning(
        "redis:config",
        "Redis does not say whether it keeps what it is given, as some managed ones and users without rights do not.",
        "Look in its console, or ask its administrator, for appendonly yes and maxmemory-policy noeviction; `INFO` shows both to a user who may ask.",
      ),
    );
  }
  if (appendOnly === false) {
    checks.push(
      warning(
        "redis:appendonly",
        "Redis has appendonly no: when it starts again it has forgotten idempotency keys, and a task may be started twice.",
        "Set appendonly yes in redis.conf, and `CONFIG SET appendonly yes` now; of a managed Redis turn AOF persistence on.",
      ),
    );
  }
  if (evictionPolicy !== undefined && evictionPolicy !== "noeviction") {
    checks.push(
      warning(
        "redis:maxmemory-policy",
        `Redis has maxmemory-policy ${evictionPolicy}: when its memory is full it forgets idempotency keys, and a task may be started twice.`,
        "Set maxmemory-policy noeviction in redis.conf, and by `CONFIG SET maxmemory-policy noeviction` now. All that the gateway writes expires by itself.",
      ),
    );
  }
  return checks;
}

function skewOf({ skewMs }: RedisFacts): Check[] {
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  if (Math.abs(skewMs) <= WARNING_SKEW_MS) return [];
  return [
    warning(
      "redis:clock",
      `The clock of this machine is ${seconds} seconds ${skewMs > 0 ? "ahead of" : "behind"} Redis', by which the instances go.`,
      "Set both clocks by NTP: one that is set back while gateways run makes leases and allowances last longer.",
    ),
  ];
}

function isOlder(version: string, than: string): boolean {
  const [[major = 0, minor = 0], [thanMajor = 0, thanMinor = 0]] = [version, than].map((text) =>
    text.split(".").map(Number),
  ) as [number[], number[]];
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

/** What was refused, in words, and what mends it: by the first pattern that its code matches. */
const REFUSALS: readonly (readonly [code: RegExp, message: (place: string, code: string) => string, cure: string])[] = [
  [
    /^(ENOTFOUND|EAI_AGAIN)$/,
    (place, code) => `The host of ${place} has no address here (${code}).`,
    "Is the host of REDIS_URL spelled right? Can this machine resolve other names?",
  ],
  [
    /^(WRONGPASS|NOAUTH)$/,
    (place, code) => `Redis at ${place} refuses the user and password of REDIS_URL (${code}).`,
    "Write them as redis://user:password@host, or redis://:password@host for the default user; encode signs such as @ and / with %.",
  ],
  [
    /^DB_INDEX$/,
    (place) => `Redis at ${place} has no database of that number.`,
    "Set REDIS_URL to end in /0: REDIS_PREFIX keeps gateways apart.",
  ],
  [
    /^(CERT_|ERR_TLS|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/,
    (place, code) => `The certificate at ${place} is not trusted here (${code}).`,
    "Is the host of REDIS_URL a name of the certificate? An authority of your own belongs in NODE_EXTRA_CA_CERTS.",
  ],
  [
    /^(ERR_SSL|EPROTO|PROTOCOL|ECONNRESET)/,
    (place, code) => `What is at ${place} does not answer as Redis does there (${code}).`,
    "Is the port of REDIS_URL right, and the scheme: rediss:// where Redis wants TLS, redis:// where it has none?",
  ],
];

function refusalOf({ step, code }: RedisFault, place: string, prefix: string): Check {
  if (code === "NOPERM") {
    const what = step === "script" ? "run a script that reads its keys" : "listen to its channels";
    const cure = `Give it the rights: ACL SETUSER <name> ~${prefix}:* &${prefix}:* +@read +@write +@scripting +@pubsub +@connection +time +info.`;
    return failed("redis", `The user of REDIS_URL may not ${what} at ${place} (${code}).`, cure);
  }
  const [, message, cure] = REFUSALS.find(([pattern]) => pattern.test(code)) ?? [];
  if (message !== undefined) return failed("redis", message(place, code), cure);
  const tls = place.startsWith("rediss:") ? "Has it TLS? Without, it is redis://. " : "";
  return failed(
    "redis",
    `Redis cannot be reached at ${place} (${code}).`,
    `${tls}Does it run there? Correct host and port of REDIS_URL, or let this machine in: firewall, security group, the list of addresses of a managed Redis.`,
  );
}
