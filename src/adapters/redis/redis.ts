/**
 * What the instances of a gateway share by Redis, as one object: opens the connection, and makes the adapters behind the ports of
 * the gateway's parts. Loaded only where a gateway has a Redis.
 */

import type { CallGrants } from "../../imm/policy/call-grants.js";
import type { Options } from "../../options/options.js";
import type { IdempotencyKeys } from "../../tasks/create/idempotency-keys.js";
import type { FinishedTasks } from "../../tasks/read/finished-tasks.js";
import type { Exchange } from "../../tasks/watch/exchange.js";
import type { Buckets } from "../../token-buckets.js";
import { RedisCallGrants } from "./call-grants.js";
import { RedisExchange } from "./exchange.js";
import { RedisFinishedTasks } from "./finished-tasks.js";
import { RedisIdempotencyKeys } from "./idempotency-keys.js";
import { RedisTokenBuckets } from "./token-buckets.js";
import { RedisConnection, type RedisClient, type RedisConnectionOptions, type RedisState } from "./connection.js";

/** A gateway's part in what the instances share. */
export interface Sharing {
  readonly state: RedisState;
  /** How many instances there are, as last seen, this one included. */
  readonly instances: number;
  /** Options of the gateway's parts. */
  readonly ports: SharedPorts;
  /** Begins to connect, and goes on with that until `close`. Resolves after the first attempt, whatever came of it. */
  start(): Promise<void>;
  /** To be called once the parts have given away what they hold. Leaves no connection and no timer. */
  close(): Promise<void>;
}

/** By the name of the option under which a part takes it. */
export interface SharedPorts {
  /** For the budget of calls. */
  readonly grants: CallGrants;
  /** For creates. */
  readonly keys: IdempotencyKeys;
  /** For reads. */
  readonly finished: FinishedTasks;
  /** For the watches. */
  readonly exchange: Exchange;
  /** For what callers may take. */
  readonly buckets: Buckets;
}

export interface SharingOptions extends Omit<RedisConnectionOptions, "prefix"> {
  /** The gateway's. */
  readonly options: Options;
}

export function openRedis({ options, ...given }: SharingOptions): Sharing {
  const { clock } = given;
  const connection = new RedisConnection({ ...given, prefix: prefixOf(options) });
  return {
    get state() {
      return connection.state;
    },
    get instances() {
      return connection.instances;
    },
    ports: {
      grants: new RedisCallGrants({ ...options, connection, clock }),
      keys: new RedisIdempotencyKeys(connection),
      finished: new RedisFinishedTasks({ connection, maxTasks: options.maxCachedTasks }),
      exchange: new RedisExchange({ connection, clock }),
      buckets: new RedisTokenBuckets({ connection, clock }),
    },
    start: async () => connection.start(),
    close: async () => connection.close(),
  };
}

/** What the names of all keys and channels begin with: projects of two regions may have one name. */
export function prefixOf({ redisPrefix, region = "" }: Pick<Options, "redisPrefix" | "region">): string {
  return `${redisPrefix}:${region}`;
}

export { examineRedis, RedisFault, type RedisFacts } from "./examine.js";
export type { RedisClient, RedisState };
