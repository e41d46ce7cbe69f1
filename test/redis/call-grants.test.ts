import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { RedisCallGrants } from "../../src/adapters/redis/call-grants.js";
import { RedisConnection } from "../../src/adapters/redis/connection.js";
import { systemClock } from "../../src/clock.js";
import { startEmulator } from "../../src/emulator/emulator.js";
import { GuardedImmClient } from "../../src/imm/policy/call-policy.js";
import { silentLogger } from "../../src/log.js";
import { completeOptions } from "../../src/options/options.js";
import { describeCallGrants, Instances, type GrantsWorld } from "../support/call-grants-suite.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { connectTo } from "../support/emulator-imm-client.js";
import { eventually } from "../support/eventually.js";
import { openRedis, startRedis, type RedisServer } from "../support/redis-server.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

const clock = systemClock;

let redis: RedisServer;
let close: () => Promise<void>;
let prefixes = 0;

beforeAll(async () => {
  ({ server: redis, close } = await openRedis());
});

afterAll(async () => close());

async function connect(url: string, prefix: string): Promise<RedisConnection> {
  const connection = new RedisConnection({ redis: url, prefix, clock, logger: silentLogger });
  disposeAfterTest(async () => connection.close());
  await connection.start();
  return connection;
}

/** Redis' time cannot be moved by hand. */
async function pass(ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve));
}

/** @param urls - of each instance that joins: the last one is for all further ones. */
function worldOf(...urls: readonly [string, ...string[]]): GrantsWorld & { readonly connections: RedisConnection[] } {
  prefixes += 1;
  const prefix = `grants-${prefixes}`;
  const connections: RedisConnection[] = [];
  const join = async (maxCallsPerSecond: number): Promise<RedisCallGrants> => {
    const connection = await connect(urls[connections.length] ?? urls.at(-1) ?? "", prefix);
    connections.push(connection);
    return new RedisCallGrants({ connection, clock, maxCallsPerSecond });
  };
  return { clock, join, pass, connections };
}

describeCallGrants("on Redis", async () => worldOf(redis.url));

describe("the grants of calls, when Redis cannot be reached", () => {
  const MAX = 20;

  it("are none before the first contact, which is said; and all after it", async () => {
    const server = await startRedis();
    await server.stop();
    const world = worldOf(server.url);
    const all = new Instances(world, MAX);
    const budget = await all.join();
    await expect(budget.take("p", 0, async () => undefined)).rejects.toMatchObject({
      code: "UPSTREAM_UNAVAILABLE",
      retryable: true,
      mayHaveArrived: false,
      message: "Redis (REDIS_URL) was not reached yet, so that it is not known how many calls to IMM may be made.",
    });
    expect(budget.left).toBe(0);
    await server.start();
    await eventually(() => world.connections[0]?.state === "up");
    all.calls(budget, "a", MAX);
    await pass(200);
    expect(all.sent).toHaveLength(MAX);
  });

  it("are each instance's share, after a second's pause, and never more than the budget as it goes and comes back", async () => {
    const server = await startRedis();
    const world = worldOf(server.url);
    const all = new Instances(world, MAX);
    const [a, b] = [await all.join(), await all.join()];
    // How many instances there are is learnt by a heartbeat.
    await eventually(() => world.connections.every(({ instances }) => instances === 2));
    all.flood(a, "a", 50);
    await pass(1_500);
    await server.stop();
    await pass(1_300);
    const before = all.sent.length;
    await pass(2_300);
    const meanwhile = all.sent.length - before;
    expect(meanwhile).toBeGreaterThanOrEqual(MAX);
    await server.start();
    await eventually(() => world.connections.every(({ state }) => state === "up"));
    // Redis knows nothing of what was granted while it was away.
    all.calls(b, "b", 2 * MAX);
    await pass(4_000);
    const back = all.sent.length;
    // One alone has all again.
    await pass(2_400);
    expect(all.sent.length - back).toBeGreaterThanOrEqual(2 * MAX - 4);
    expect(all.mostInASecond).toBeLessThanOrEqual(MAX);
  });

  it("go on while it comes and goes", async () => {
    const all = new Instances(worldOf(redis.url), MAX);
    const a = await all.join();
    all.flood(a, "a", 50);
    await pass(1_500);
    const before = all.sent.length;
    for (let time = 0; time < 8; time += 1) {
      await redis.client().call("CLIENT", "KILL", "TYPE", "pubsub");
      await pass(500);
    }
    // Of one instance the share is all there is, but for the pause of the first time.
    expect(all.sent.length - before).toBeGreaterThanOrEqual(MAX);
    expect(all.mostInASecond).toBeLessThanOrEqual(MAX);
  });

  it("are more than the budget by no more than the share of the one instance that is cut off", async () => {
    const proxy = await startTcpProxy(redis.port);
    const world = worldOf(proxy.url, redis.url);
    const all = new Instances(world, MAX);
    const [a, b] = [await all.join(), await all.join()];
    await eventually(() => world.connections.every(({ instances }) => instances === 2));
    all.flood(a, "a", 50);
    all.flood(b, "b", 50);
    await pass(1_500);
    proxy.cut();
    await pass(1_200);
    const before = all.countOf("a");
    await pass(2_300);
    expect(all.countOf("a") - before).toBeGreaterThanOrEqual(MAX);
    proxy.resume();
    await eventually(() => world.connections.every(({ state }) => state === "up"));
    await pass(1_500);
    expect(all.mostInASecond).toBeLessThanOrEqual(MAX + MAX / 2);
    all.sent.length = 0;
    await pass(2_300);
    expect(all.mostInASecond).toBeLessThanOrEqual(MAX);
  });
});

it("are held by two clients of IMM: it is asked no more often in any second than one may ask it", async () => {
  const max = 40;
  const emulator = await startEmulator({ maxRequestsPerSecond: 10_000 });
  disposeAfterTest(async () => emulator.close());
  emulator.addTask({ taskId: "t", taskType: "FileCompression", durationMs: Infinity });
  const world = worldOf(redis.url);
  const client = await connectTo(emulator);
  const request = { projectName: "immtest", taskType: "FileCompression", taskId: "t" };
  // The first ones take long: they open connections.
  await Promise.all(Array.from({ length: 100 }, async () => client.getTask(request)));
  emulator.clearCalls();
  const limits = completeOptions({ maxCallsPerSecond: max, maxConcurrentCalls: 100 }, false);
  for (let instance = 0; instance < 2; instance += 1) {
    const guarded = new GuardedImmClient(client, { limits, clock, grants: await world.join(max) });
    disposeAfterTest(() => guarded.dispose());
    const another = (): void => void guarded.getTask(request).then(another, () => undefined);
    for (let call = 0; call < 50; call += 1) another();
  }
  await pass(4_500);
  const ats = emulator.calls.map(({ at }) => at);
  const most = Math.max(...ats.map((from) => ats.filter((at) => at >= from && at < from + 1_000).length));
  expect(ats.length).toBeGreaterThanOrEqual(3.5 * max);
  expect(most).toBeLessThanOrEqual(1.1 * max);
});
