import { describe, expect, it } from "@jest/globals";
import { RedisConnection } from "../../src/adapters/redis/connection.js";
import { RedisFinishedTasks } from "../../src/adapters/redis/finished-tasks.js";
import type { Clock } from "../../src/clock.js";
import { TaskReader } from "../../src/tasks/read/task-reader.js";
import { NO_PARTS } from "../../src/tasks/task.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { describeFinishedTasks } from "../support/finished-tasks-suite.js";
import { RecordingLogger } from "../support/recording-logger.js";
import { startRedis, type RedisServer } from "../support/redis-server.js";
import { actionsOf, readOne, startReader } from "../support/start-reader.js";
import { keyOf } from "../support/tasks.js";

/** The handle of an instance. */
async function connect({ url }: RedisServer, clock: Clock, maxTasks: number): Promise<RedisFinishedTasks> {
  const connection = new RedisConnection({ redis: url, prefix: "test", clock, logger: new RecordingLogger() });
  await connection.start();
  disposeAfterTest(async () => connection.close());
  return new RedisFinishedTasks({ connection, maxTasks });
}

/** All keys and values, each kind of value read as it is. */
async function dump(server: RedisServer): Promise<string> {
  const client = server.client();
  const texts = (await client.keys("*")).map(async (key) => {
    const type = await client.type(key);
    const value = type === "hash" ? await client.hgetall(key) : await client.zrange(key, "0", "-1");
    return [key, value];
  });
  return JSON.stringify(await Promise.all(texts));
}

describeFinishedTasks("on Redis", async (clock, maxTasks) => {
  const server = await startRedis();
  return {
    here: await connect(server, clock, maxTasks),
    there: await connect(server, clock, maxTasks),
    goAway: async () => server.stop(),
    dump: async () => dump(server),
  };
});

describe("finished tasks on Redis", () => {
  it("are forgotten once IMM has forgotten them, and keep no more than their bound", async () => {
    const { clock } = await startReader();
    const server = await startRedis();
    const store = await connect(server, clock, 2);
    const client = server.client();
    const names = Array.from({ length: 120 }, (_, index) => ({ name: `${index}`, rank: 0, text: "x" }));
    await store.write("p", names);
    const keys = ["test:{p}:finished", "test:{p}:finished-times"];
    expect([await client.hlen(keys[0] as string), await client.zcard(keys[1] as string)]).toEqual([2, 2]);
    const weekMs = 7 * 24 * 60 * 60_000;
    for (const key of keys) {
      const restMs = await client.pttl(key);
      expect(restMs).toBeGreaterThan(weekMs - 60_000);
      expect(restMs).toBeLessThanOrEqual(weekMs);
    }
    // One that was written too long ago goes with the next write.
    const [old] = await client.zrange(keys[1] as string, "0", "0");
    await client.zadd(keys[1] as string, 1, String(old));
    await store.write("p", [{ name: String(old), rank: 0, text: "again" }]);
    expect(await store.read("p", [String(old)])).toEqual(["again"]);
    const [first] = await client.zrange(keys[1] as string, "0", "0");
    await client.zadd(keys[1] as string, 1, String(first));
    await (await connect(server, clock, 10)).write("p", [{ name: "new", rank: 0, text: "y" }]);
    expect(await store.read("p", [String(first), "new"])).toEqual([undefined, "y"]);
    expect(await client.hlen(keys[0] as string)).toBe(2);
  });

  it("are asked of IMM once Redis answers no more", async () => {
    const { clock, client, emulator } = await startReader();
    const server = await startRedis();
    const finished = await connect(server, clock, 10);
    const reader = new TaskReader({ client, clock, taskMaxAgeMs: 1_000, maxCachedTasks: 100, finished });
    emulator.addTask({ taskType: "FileCompression", taskId: "a", startedAgoMs: 60_000 });
    server.pause();
    expect(await readOne(reader, keyOf("a"), NO_PARTS)).toMatchObject({ status: "SUCCEEDED" });
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });
});
