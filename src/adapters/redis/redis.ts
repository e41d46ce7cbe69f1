/**
 * What the instances of a gateway share by Redis, as one object: opens the connection, and makes the adapters behind the ports of
 * the gateway's parts. Loaded only where a gateway has a Redis.
 */

import type { Options } from "../../options/options.js";
import type { Exchange } from "../../tasks/watch/exchange.js";
import { RedisConnection, type RedisClient, type RedisConnectionOptions, type RedisState } from "./connection.js";
import { RedisExchange } from "./exchange.js";

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

/** By the name of the option under which a part takes it; each is absent where the part keeps to itself. */
export interface SharedPorts {
  /** For the watches. */
  readonly exchange?: Exchange | undefined;
}

export interface SharingOptions extends Omit<RedisConnectionOptions, "prefix"> {
  /** The gateway's. */
  readonly options: Options;
}

export function openRedis({ options, ...given }: SharingOptions): Sharing {
  const connection = new RedisConnection({ ...given, prefix: options.redisPrefix });
  return {
    get state() {
      return connection.state;
    },
    get instances() {
      return connection.instances;
    },
    // One line for each adapter.
    ports: {
      exchange: new RedisExchange({ connection, clock: given.clock }),
    },
    start: async () => connection.start(),
    close: async () => connection.close(),
  };
}

export { examineRedis, RedisFault, type RedisFacts } from "./examine.js";
export type { RedisClient, RedisState };
