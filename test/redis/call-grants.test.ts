import { afterAll, beforeAll } from "@jest/globals";
import { RedisCallGrants } from "../../src/adapters/redis/call-grants.js";
import { RedisConnection } from "../../src/adapters/redis/connection.js";
import { systemClock } from "../../src/clock.js";
import { silentLogger } from "../../src/log.js";
import { describeCallGrants, type GrantsWorld } from "../support/call-grants-suite.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { openRedis, type RedisServer } from "../support/redis-server.js";

let redis: RedisServer;
let close: () => Promise<void>;
let worlds = 0;

beforeAll(async () => {
  ({ server: redis, close } = await openRedis());
});

afterAll(async () => close());

async function connect(url: string, prefix: string): Promise<RedisConnection> {
  const connection = new RedisConnection({ redis: url, prefix, clock: systemClock, logger: silentLogger });
  disposeAfterTest(async () => connection.close());
  await connection.start();
  return connection;
}

/** Redis' time cannot be moved by hand. */
async function pass(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.setTimer(ms, resolve));
}

async function open(): Promise<GrantsWorld> {
  worlds += 1;
  const prefix = `grants-${worlds}`;
  const clock = systemClock;
  const join = async (maxCallsPerSecond: number): Promise<RedisCallGrants> =>
    new RedisCallGrants({ connection: await connect(redis.url, prefix), clock, maxCallsPerSecond });
  return { clock, join, pass };
}

describeCallGrants("on Redis", open);
