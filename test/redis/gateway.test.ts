/** Gateways that have a real Redis: how they start, what they say of it, and what they leave behind. */

import { describe, expect, it } from "@jest/globals";
import { Cluster, Redis } from "ioredis";
import { RedisConnection } from "../../src/adapters/redis/connection.js";
import { letOthersRun, systemClock } from "../../src/clock.js";
import { silentLogger } from "../../src/log.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { startRedis } from "../support/redis-server.js";
import { keyArguments } from "../support/query.js";
import { startGateway, type RunningGateway } from "../support/start-gateway.js";
import { connect, subscribe } from "../support/subscribe.js";

async function readiness({ url }: RunningGateway): Promise<readonly [status: number, body: unknown]> {
  const answer = await fetch(`${url}/readyz`);
  return [answer.status, await answer.json()];
}

async function series({ gateway }: RunningGateway, name: string): Promise<string | undefined> {
  return new RegExp(`^imm_graphql_${name} (.*)$`, "m").exec(await gateway.metrics())?.[1];
}

/** Waits for what Redis, or its absence, brings about. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await letOthersRun();
}

const MEASURED = { metricsPort: 0 };

describe("a gateway with a Redis", () => {
  it("is ready at once, counts the instances of its prefix, and leaves nothing open and no name behind", async () => {
    const redis = await startRedis();
    const client = redis.client();
    const connections = async (): Promise<number> =>
      ((await client.client("LIST")) as string).trim().split("\n").length;
    const before = await connections();
    const shared = { ...MEASURED, redisUrl: redis.url };
    const one = await startGateway({ gateway: shared });
    expect(await readiness(one)).toEqual([200, { status: "ok" }]);
    const two = await startGateway({ gateway: shared });
    const other = await startGateway({ gateway: { ...shared, redisPrefix: "other" } });
    expect(await series(two, "redis_instances")).toBe("2");
    expect(await series(other, "redis_instances")).toBe("1");
    expect(await series(two, "redis_up")).toBe("1");
    expect(Number(await series(two, 'redis_scripts_total{script="immHeartbeat",outcome="ok"}'))).toBeGreaterThan(0);
    expect((await client.keys("*")).toSorted()).toEqual(["imm-graphql:emulator:instances", "other:emulator:instances"]);
    for (const { gateway } of [one, two, other]) await gateway.stop();
    await until(async () => (await connections()) === before);
    expect(await client.keys("*")).toEqual([]);
  });

  it("shows that one instance polls a project, and the other does not", async () => {
    const redis = await startRedis();
    const task = { taskType: "MediaConvert", taskId: "a" };
    const gateways: RunningGateway[] = [];
    for (let count = 0; count < 2; count += 1) {
      const running = await startGateway({ gateway: { ...MEASURED, redisUrl: redis.url } });
      running.emulator.addTask({ ...task, durationMs: 60_000 });
      gateways.push(running);
      let hasFirst = false;
      const document = `subscription { taskProgress(${keyArguments(task)}) { status } }`;
      const first = subscribe(connect(running.url), document)
        .next()
        .then(() => (hasFirst = true));
      // What the other seeks is published a little later, by the clock of the one that polls.
      await until(async () => {
        await gateways[0]?.clock.advance(100);
        return hasFirst;
      });
      await first;
    }
    const pollers = gateways.map(async (running) =>
      Promise.all(["this", "other"].map(async (poller) => series(running, `redis_projects{poller="${poller}"}`))),
    );
    expect(await Promise.all(pollers)).toEqual([
      ["1", "0"],
      ["0", "1"],
    ]);
  });

  it("starts without it, is ready when it is reached, and stays so while it is away", async () => {
    const redis = await startRedis("--requirepass", "hunter2");
    await redis.stop();
    const redisUrl = redis.url.replace("//", "//:hunter2@");
    const running = await startGateway({ gateway: { ...MEASURED, redisUrl } });
    expect(await readiness(running)).toMatchObject([503, { status: "redis_unseen" }]);
    await redis.start();
    await until(async () => (await readiness(running))[0] === 200);
    expect(await readiness(running)).toEqual([200, { status: "ok" }]);
    await redis.kill();
    await until(async () => (await series(running, "redis_up")) === "0");
    expect(await readiness(running)).toEqual([200, { status: "ok", redis: "away" }]);
    await redis.start();
    await until(async () => (await series(running, "redis_up")) === "1");
    expect(await readiness(running)).toEqual([200, { status: "ok" }]);
    const lines = running.logger.lines.map((line) => (JSON.parse(line) as { readonly message: string }).message);
    expect(lines.filter((message) => /Redis/.test(message))).toEqual([
      "What is known is shared with other instances by Redis.",
      expect.stringMatching(/^Redis cannot be reached/),
      "Redis is there.",
      expect.stringMatching(/^Redis is away/),
      "Redis is there again.",
    ]);
    expect(running.logger.lines.join("\n")).not.toContain("hunter2");
  });

  it("does not write the password that Redis refuses", async () => {
    const redis = await startRedis("--requirepass", "other");
    const redisUrl = redis.url.replace("//", "//:hunter2@");
    const running = await startGateway({ gateway: { redisUrl } });
    expect(await readiness(running)).toMatchObject([503, { status: "redis_unseen" }]);
    const lines = running.logger.lines.join("\n");
    expect(lines).toMatch(/Redis cannot be reached.*(NOAUTH|WRONGPASS)/);
    // It would be in what ioredis says of the command.
    expect(lines).not.toContain("hunter2");
  });

  it("lets what is given away at the end arrive, also where one script waits for another", async () => {
    const redis = await startRedis();
    const options = { redis: redis.url, prefix: "imm", clock: systemClock, logger: silentLogger };
    const connection = new RedisConnection(options);
    await connection.start();
    const append = { name: "append", lua: 'return redis.call("RPUSH", KEYS[1], ARGV[1])' };
    const leave = async (): Promise<void> => {
      for (const step of ["claim", "release"]) await connection.run(append, ["steps"], [step]);
    };
    const left = leave();
    await connection.close();
    await left;
    expect(await redis.client().lrange("steps", 0, -1)).toEqual(["claim", "release"]);
  });

  it("goes by a copy of a client that it is given, for one server", async () => {
    const redis = await startRedis();
    const client = new Redis(redis.url, { lazyConnect: true, stringNumbers: true });
    const running = await startGateway({ gateway: { ...MEASURED, redis: client } });
    expect(await readiness(running)).toEqual([200, { status: "ok" }]);
    await running.gateway.stop();
    expect(client.status).toBe("wait");
  });

  it("goes by a copy of a client that it is given, for a cluster", async () => {
    const redis = await startRedis("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1");
    await redis.client().call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    const cluster = new Cluster([{ host: "127.0.0.1", port: redis.port }], { lazyConnect: true });
    disposeAfterTest(() => cluster.disconnect());
    const running = await startGateway({ gateway: { ...MEASURED, redis: cluster } });
    await until(async () => (await readiness(running))[0] === 200);
    expect(await series(running, "redis_instances")).toBe("1");
    await running.gateway.stop();
    expect(cluster.status).toBe("wait");
  });
});
