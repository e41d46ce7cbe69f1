/** Token buckets that are shared through a real Redis, and what is there while it is away. */

import { afterAll, describe, expect, it, jest } from "@jest/globals";
import { RedisConnection } from "../../src/adapters/redis/connection.js";
import { RedisTokenBuckets } from "../../src/adapters/redis/token-buckets.js";
import { systemClock } from "../../src/clock.js";
import { RateLimitedError } from "../../src/errors.js";
import { CallerLimits } from "../../src/server/limits/caller-limits.js";
import { perMinute } from "../../src/token-bucket.js";
import type { Charge } from "../../src/token-buckets.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { eventually } from "../support/eventually.js";
import { ManualClock } from "../support/manual-clock.js";
import { keyArguments } from "../support/query.js";
import { RecordingLogger } from "../support/recording-logger.js";
import { openRedis, startRedis } from "../support/redis-server.js";
import { startGateway, type RunningGateway } from "../support/start-gateway.js";
import { RUN } from "../support/tasks.js";
import { describeBuckets } from "../support/token-buckets-suite.js";

const { server: shared, close } = await openRedis();
afterAll(close);

const NAMELESS: Charge = { bucket: "nothing", size: perMinute(1), tokens: 0 };
const TEN: Charge = { bucket: "calls:60:10", size: perMinute(60, 10), tokens: 10 };
const ONE: Charge = { ...TEN, tokens: 1 };

let count = 0;
/** Keys of its own for each test. */
function newPrefix(): string {
  count += 1;
  return `test-${count}`;
}

interface Instance {
  readonly connection: RedisConnection;
  readonly buckets: RedisTokenBuckets;
}

async function join(url: string, prefix: string, clock = new ManualClock()): Promise<Instance> {
  const options = { redis: url, prefix, clock: systemClock, logger: new RecordingLogger() };
  const connection = new RedisConnection(options);
  disposeAfterTest(async () => connection.close());
  await connection.start();
  return { connection, buckets: new RedisTokenBuckets({ connection, clock }) };
}

/** Makes buckets older. */
const AGE = `
  for _, key in ipairs(KEYS) do
    redis.call("HINCRBY", key, "at", -ARGV[1])
    redis.call("PEXPIRE", key, redis.call("PTTL", key) - ARGV[1])
  end
`;

describeBuckets("shared through Redis", async () => {
  const prefix = newPrefix();
  const [one, other] = [await join(shared.url, prefix), await join(shared.url, prefix)];
  const client = shared.client();
  const pass = async (ms: number): Promise<void> => {
    // Answered after what was sent before by the same connection.
    for (const { buckets } of [one, other]) await buckets.charge("settled", [NAMELESS]);
    const keys = await client.keys(`${prefix}:*:bucket:*`);
    if (ms > 0) await client.eval(AGE, keys.length, ...keys, ms);
  };
  return { instances: [one.buckets, other.buckets], pass };
});

describe("buckets in Redis", () => {
  it("have keys that say nothing of their owners, of one slot each, and are gone when they would be full", async () => {
    const prefix = newPrefix();
    const [{ buckets }, client] = [await join(shared.url, prefix), shared.client()];
    const mutations: Charge = { bucket: "mutations:60", size: perMinute(60), tokens: 3 };
    const taken = await buckets.charge("caller ana@example.com", [{ ...TEN, tokens: 4 }, mutations]);
    const keys = (await client.keys(`${prefix}:*:bucket:*`)).toSorted();
    const names = keys.map((key) => /^[^:]+:(\{[\w-]{43}\}):bucket:v1:(.+)$/.exec(key)?.slice(1));
    expect(names).toEqual([
      [names[0]?.[0], "calls:60:10"],
      [names[0]?.[0], "mutations:60"],
    ]);
    for (const [index, fullInMs] of [4_000, 3_000].entries()) {
      const leftMs = await client.pttl(keys[index] ?? "");
      expect(leftMs).toBeLessThanOrEqual(fullInMs);
      expect(leftMs).toBeGreaterThan(fullInMs - 1_000);
    }
    if ("giveBack" in taken) taken.giveBack({ ...TEN, tokens: 4 }, 4);
    await buckets.charge("settled", [NAMELESS]);
    expect(await client.keys(`${prefix}:*:bucket:*`)).toEqual([keys[1]]);
  });

  it("give no more than they hold to many that ask at the same time", async () => {
    const prefix = newPrefix();
    const instances = await Promise.all(Array.from({ length: 4 }, async () => join(shared.url, prefix)));
    const asked = instances.flatMap(({ buckets }) =>
      Array.from({ length: 25 }, async () => buckets.charge("a", [ONE])),
    );
    const charged = await Promise.all(asked);
    expect(charged.filter((outcome) => "giveBack" in outcome)).toHaveLength(10);
  });

  it("answer all that is asked of an owner's in one turn by one script", async () => {
    const { connection, buckets } = await join(shared.url, newPrefix());
    const run = jest.spyOn(connection, "run");
    const mutations: Charge = { bucket: "mutations:1", size: perMinute(1), tokens: 1 };
    const charged = await Promise.all([
      ...Array.from({ length: 11 }, () => buckets.charge("a", [ONE])),
      buckets.charge("b", [mutations, TEN]),
      buckets.charge("b", [TEN, mutations]),
    ]);
    expect(charged.map((outcome) => ("giveBack" in outcome ? null : outcome.charge.bucket))).toEqual([
      ...Array.from({ length: 10 }, () => null),
      TEN.bucket,
      null,
      TEN.bucket,
    ]);
    expect(run).toHaveBeenCalledTimes(2);
  });

  it("take over what counts as no bucket, such as one that a newer release has kept in another form", async () => {
    const prefix = newPrefix();
    const [{ buckets }, client] = [await join(shared.url, prefix), shared.client()];
    await buckets.charge("a", [TEN]);
    const [key = ""] = await client.keys(`${prefix}:*:bucket:*`);
    await client.hdel(key, "at");
    expect(await buckets.charge("a", [TEN])).toHaveProperty("giveBack");
  });

  it("are each caller's allowance, charged once for all instances, and settled without a wait", async () => {
    const prefix = newPrefix();
    const options = { callsPerMinute: 60, callBurst: 10, mutationsPerMinute: 2, maxStreamsPerCaller: 1 };
    const none = { maxProjectStreamsPerCaller: 0, maxSocketsPerCaller: 0 };
    const limits = [await join(shared.url, prefix), await join(shared.url, prefix)].map(
      ({ buckets }) => new CallerLimits({ ...options, ...none, clock: new ManualClock(), buckets }),
    );
    const [one, other] = [limits[0] as CallerLimits, limits[1] as CallerLimits];
    const client = { principal: { caller: "ana", grants: [] }, address: "192.0.2.1" };
    const admission = await one.admit(client, { calls: 10, mutations: 1, isStream: false });
    const refused = async (): Promise<unknown> => other.admit(client, { calls: 1, mutations: 1, isStream: true });
    await expect(refused()).rejects.toThrow(
      "Expected at most 60 calls to IMM a minute, and 10 at once, got an operation of up to 1.",
    );
    await expect(refused()).rejects.toThrow(RateLimitedError);
    admission.settle(7);
    // By the same instance, so that it is answered after that.
    await one.admit(client, { calls: 1, mutations: 0, isStream: false });
    // The refused streams hold no place, and the refused mutation was not charged.
    const stream = await other.admit(client, { calls: 1, mutations: 1, isStream: true });
    const another = (): unknown => other.admit(client, { calls: 1, mutations: 0, isStream: true });
    expect(another).toThrow("Expected at most 1 streams at once of one caller: end one before the next.");
    stream.leave();
    await expect(async () => one.admit(client, { calls: 0, mutations: 1, isStream: false })).rejects.toThrow(
      "Expected at most 2 mutations a minute.",
    );
  });
});

describe("a caller of two gateways", () => {
  it("has one allowance in all, and another caller its own", async () => {
    const options = { redisUrl: shared.url, redisPrefix: newPrefix(), trustedProxies: ["loopback"] };
    const gateway = { ...options, callsPerMinute: 6, callBurst: 2, mutationsPerMinute: 1 };
    const [one, other] = [await startGateway({ gateway }), await startGateway({ gateway })];
    for (const { emulator } of [one, other]) {
      for (const taskId of ["a", "b", "c"]) emulator.addTask({ ...RUN, taskId, durationMs: Infinity });
    }
    const ask = async ({ url }: RunningGateway, query: string, address = "198.51.100.1"): Promise<Response> =>
      fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-forwarded-for": address },
        body: JSON.stringify({ query }),
      });
    const read = (taskId: string): string => `{ task(${keyArguments({ ...RUN, taskId })}) { taskId } }`;
    expect((await ask(one, read("a"))).status).toBe(200);
    expect((await ask(other, read("b"))).status).toBe(200);
    for (const running of [one, other]) {
      const refused = await ask(running, read("c"));
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(5);
      expect(await refused.json()).toMatchObject({
        errors: [{ message: "Expected at most 6 calls to IMM a minute, and 2 at once, got an operation of up to 1." }],
      });
    }
    expect([...one.emulator.calls, ...other.emulator.calls]).toHaveLength(2);
    expect((await ask(other, read("c"), "198.51.100.2")).status).toBe(200);
  });
});

describe("while Redis is away", () => {
  it("each instance has its part, and goes back to the shared ones", async () => {
    const server = await startRedis();
    const prefix = newPrefix();
    const clock = new ManualClock();
    const [other, one] = [await join(server.url, prefix), await join(server.url, prefix, clock)];
    expect(one.connection.instances).toBe(2);
    const before = await one.buckets.charge("a", [TEN]);
    await server.stop();
    // What is not answered is charged to the instance's own.
    expect(await one.buckets.charge("a", [{ ...TEN, tokens: 5 }])).toHaveProperty("giveBack");
    expect(one.connection.state).toBe("away");
    if ("giveBack" in before) before.giveBack(TEN, 10);
    const refused = one.buckets.charge("a", [ONE]);
    expect(refused).toEqual({ charge: ONE, retryAfterMs: 2_000 });
    await clock.advance(2_000);
    const again = await one.buckets.charge("a", [ONE]);
    expect(one.buckets.charge("a", [ONE])).toHaveProperty("retryAfterMs", 2_000);
    if ("giveBack" in again) again.giveBack(ONE, 1);
    expect(one.buckets.charge("a", [ONE])).toHaveProperty("giveBack");
    await server.start();
    await eventually(() => one.connection.state === "up" && other.connection.state === "up");
    expect(await one.buckets.charge("a", [TEN])).toHaveProperty("giveBack");
    expect(await other.buckets.charge("a", [ONE])).toHaveProperty("retryAfterMs");
  });

  it("also before the first contact, where none but this instance is known: it has the whole", async () => {
    const server = await startRedis();
    await server.stop();
    const { connection, buckets } = await join(server.url, newPrefix());
    expect(connection.state).toBe("unseen");
    expect(buckets.charge("a", [TEN])).toHaveProperty("giveBack");
    expect(buckets.charge("a", [ONE])).toHaveProperty("retryAfterMs", 1_000);
  });
});
