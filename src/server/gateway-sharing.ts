/**
 * What a gateway shares with other instances of it, by Redis: loads the adapter where it is asked for, starts it and ends it. Without
 * Redis nothing of it is loaded, and each part keeps to itself.
 */

import { systemClock, type Clock } from "../clock.js";
import { ConfigurationError } from "../errors.js";
import type { Logger } from "../log.js";
import type { Observers, Readings } from "../observe.js";
import type { Options } from "../options/options.js";
import type { RedisClient, RedisFacts, RedisFault, SharedPorts, Sharing } from "../adapters/redis/redis.js";
import type { RedisClientLike } from "./redis-client.js";

export interface GatewaySharingOptions {
  /** What a program gave; else the option `redisUrl` says where Redis is. */
  readonly redis: RedisClientLike | undefined;
  readonly options: Options;
  /** Of all ticks that the parts are given. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observers: Observers;
}

/** The longest that a start waits for the first contact, in milliseconds. */
const FIRST_CONTACT_MS = 3_000;

export type { RedisFacts, RedisFault, SharedPorts };

export class GatewaySharing {
  readonly #parts: GatewaySharingOptions;
  #sharing: Sharing | undefined;

  /** @throws ConfigurationError - when there are a client and a URL. */
  constructor(parts: GatewaySharingOptions) {
    if (parts.redis !== undefined && parts.options.redisUrl !== undefined) {
      throw new ConfigurationError("Expected one of `redis` and `redisUrl`, got both.");
    }
    this.#parts = parts;
  }

  /** Undefined where the gateway shares nothing. */
  get readings(): Readings["redis"] {
    if (this.#sharing === undefined) return undefined;
    const { state, instances } = this.#sharing;
    return { state, instances };
  }

  /**
   * Loads what is asked for, and answers with what the parts share.
   *
   * @throws ConfigurationError - when ioredis is not installed.
   */
  async open(): Promise<Partial<SharedPorts>> {
    const { redis, options, clock, logger, observers } = this.#parts;
    const place = redis ?? options.redisUrl;
    if (place === undefined) return {};
    const { openRedis } = await importRedis();
    this.#sharing = openRedis({
      // The cast: `checkParts` has looked at what is no URL.
      redis: place as string | RedisClient,
      options,
      // The network takes its time also where the gateway's clock is moved by hand.
      clock: { ...systemClock, tick: () => clock.tick() },
      logger,
      onScript: (...script) => observers.metrics.scriptEnded(...script),
    });
    return this.#sharing.ports;
  }

  /** Resolves after the first contact, or without one where that takes long: Redis is looked for until `close`. */
  async start(): Promise<void> {
    if (this.#sharing === undefined) return;
    const { options, logger } = this.#parts;
    const { redisUrl, redisPrefix: prefix, region } = options;
    logger.info(
      { redis: redisUrl === undefined ? "a client of the program's" : placeOf(redisUrl), prefix, region },
      "What is known is shared with other instances by Redis.",
    );
    const started = this.#sharing.start();
    await new Promise<void>((resolve) => {
      const timer = systemClock.setTimer(FIRST_CONTACT_MS, resolve);
      void started.finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** To be called once the parts have given away what they hold. */
  async close(): Promise<void> {
    await this.#sharing?.close();
    this.#sharing = undefined;
  }
}

/** Where that is, without user and password. */
export function placeOf(redisUrl: string): string {
  const { protocol, host, pathname } = new URL(redisUrl);
  return `${protocol}//${host}${pathname}`;
}

/**
 * ioredis is not installed with the gateway: most have one instance.
 *
 * @throws ConfigurationError - when it is not installed.
 */
export async function importRedis(): Promise<typeof import("../adapters/redis/redis.js")> {
  try {
    return await import("../adapters/redis/redis.js");
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
    if (code !== "ERR_MODULE_NOT_FOUND") throw thrown;
    throw new ConfigurationError(
      "REDIS_URL (`redisUrl`) needs a package that is not installed: npm install ioredis@6.",
      {
        cause: thrown,
      },
    );
  }
}
