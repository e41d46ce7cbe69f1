import { describe, expect, it } from "@jest/globals";
import { Cluster, Redis } from "ioredis";
import {
  RedisConnection,
  type RedisClient,
  type RedisScript,
  type RedisState,
} from "../../src/adapters/redis/connection.js";
import { systemClock } from "../../src/clock.js";
import { SharedStateAwayError } from "../../src/errors.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { eventually } from "../support/eventually.js";
import { RecordingLogger } from "../support/recording-logger.js";
import { startRedis, type RedisServer } from "../support/redis-server.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

const ECHO: RedisScript = { name: "testEcho", lua: `return { KEYS[1], ARGV[1] }` };
const SAY: RedisScript = { name: "testSay", lua: `return redis.call("PUBLISH", KEYS[1], ARGV[1])` };
const BROKEN: RedisScript = { name: "testBroken", lua: `return redis.call("HGET", KEYS[1])` };
/** As a Redis without room answers whatever is asked. */
const REFUSED: RedisScript = { name: "testRefused", lua: `return redis.error_reply("OOM command not allowed")` };

interface Opened {
  readonly connection: RedisConnection;
  readonly logger: RecordingLogger;
  readonly states: RedisState[];
}

function open(redis: string | RedisClient): Opened {
  const logger = new RecordingLogger();
  const connection = new RedisConnection({ redis, prefix: "test", clock: systemClock, logger });
  disposeAfterTest(async () => connection.close());
  const states: RedisState[] = [];
  connection.onChange((state) => states.push(state));
  return { connection, logger, states };
}

async function start(redis: string | RedisClient): Promise<Opened> {
  const opened = open(redis);
  await opened.connection.start();
  return opened;
}

/** A server, a proxy before it, and a connection through that. */
async function startBehindProxy(): Promise<Opened & { readonly server: RedisServer; readonly proxy: TcpProxy }> {
  const server = await startRedis();
  const proxy = await startTcpProxy(server.port);
  return { server, proxy, ...(await start(proxy.url)) };
}

const levelsOf = (logger: RecordingLogger): unknown[] =>
  // The cast: the logger writes lines of that form.
  logger.lines.map((line) => (JSON.parse(line) as { readonly level: string }).level);

describe("the connection to Redis", () => {
  it("runs scripts, knows the time of Redis, and how many instances there are", async () => {
    const server = await startRedis();
    const { connection, states } = await start(server.url);
    expect(states).toEqual(["up"]);
    expect(await connection.run(ECHO, ["key"], [7])).toEqual(["key", "7"]);
    const [seconds] = await server.client().time();
    expect(Math.abs(connection.timeAt(systemClock.tick()) - Number(seconds) * 1_000)).toBeLessThan(2_000);
    expect(connection.tickAt(connection.timeAt(systemClock.tick()) + 5_000)).toBeLessThanOrEqual(systemClock.tick());
    const other = await start(server.url);
    expect(other.connection.instances).toBe(2);
    await eventually(() => connection.instances === 2);
    await other.connection.close();
    await eventually(() => connection.instances === 1);
  });

  it("runs scripts that Redis has forgotten", async () => {
    const server = await startRedis();
    const { connection, states } = await start(server.url);
    await connection.run(ECHO, ["key"], [1]);
    await server.client().script("FLUSH");
    expect(await connection.run(ECHO, ["key"], [2])).toEqual(["key", "2"]);
    expect(states).toEqual(["up"]);
  });

  it("hears all that is said once it has subscribed, and nothing after it has left", async () => {
    const server = await startRedis();
    const { connection } = await start(server.url);
    const heard: string[] = [];
    const leave = connection.subscribe("channel", (message) => heard.push(message));
    const leaveToo = connection.subscribe("channel", (message) => heard.push(`also ${message}`));
    await connection.subscribed("channel");
    await connection.run(SAY, ["channel"], ["one"]);
    await eventually(() => heard.length === 2);
    leaveToo();
    await connection.run(SAY, ["channel"], ["two"]);
    await eventually(() => heard.length === 3);
    leave();
    while ((await connection.run(SAY, ["channel"], ["three"])) !== 0);
    expect(heard.slice(0, 3)).toEqual(["one", "also one", "two"]);
    expect(connection.state).toBe("up");
  });

  it("makes no call before the first contact, and is there when Redis is", async () => {
    const server = await startRedis();
    await server.stop();
    const { connection, logger, states } = await start(server.url);
    expect(connection.state).toBe("unseen");
    await expect(connection.run(ECHO, ["key"], [1])).rejects.toThrow(SharedStateAwayError);
    expect(connection.reason).toContain("ECONNREFUSED");
    const heard: string[] = [];
    connection.subscribe("channel", (message) => heard.push(message));
    await server.start();
    await eventually(() => connection.state === "up");
    // Subscribed before it is said to be there.
    expect(await connection.run(SAY, ["channel"], ["one"])).toBe(1);
    expect(states).toEqual(["up"]);
    expect(connection.reason).toBeUndefined();
    expect(levelsOf(logger)).toEqual(["warn", "info"]);
  });

  it("notices a stall although nothing is asked, gives up what waits, and is there again after it", async () => {
    const { connection, proxy, states, logger } = await startBehindProxy();
    const heard: string[] = [];
    connection.subscribe("channel", (message) => heard.push(message));
    await connection.subscribed("channel");
    const stalledAt = performance.now();
    proxy.stall();
    const waiting = connection.run(ECHO, ["key"], [1]);
    await expect(waiting).rejects.toThrow(SharedStateAwayError);
    expect(performance.now() - stalledAt).toBeLessThan(2_000);
    expect(connection.state).toBe("away");
    await expect(connection.run(ECHO, ["key"], [2])).rejects.toThrow(SharedStateAwayError);
    // Some attempts to connect are in vain.
    const { connections } = proxy;
    await eventually(() => proxy.connections > connections + 1);
    proxy.resume();
    await eventually(() => connection.state === "up");
    expect(await connection.run(SAY, ["channel"], ["again"])).toBe(1);
    await eventually(() => heard.length === 1);
    expect(states).toEqual(["up", "away", "up"]);
    expect(levelsOf(logger)).toEqual(["info", "warn", "info"]);
  });

  it("stays there where one script alone is refused, and says so", async () => {
    const server = await startRedis();
    const { connection, states, logger } = await start(server.url);
    await server.client().set("a text", "no hash");
    const script = { name: "readHash", lua: `return redis.call("HGETALL", KEYS[1])` };
    await expect(connection.run(script, ["a text"], [])).rejects.toThrow(SharedStateAwayError);
    expect(await connection.run(ECHO, ["key"], [1])).toEqual(["key", "1"]);
    expect(states).toEqual(["up"]);
    expect(logger.lines.at(-1)).toMatch(/"level":"warn".*"script":"readHash".*WRONGTYPE/);
  });

  it("notices a stall by its heartbeat", async () => {
    const { connection, proxy } = await startBehindProxy();
    const stalledAt = performance.now();
    proxy.stall();
    await eventually(() => connection.state === "away");
    expect(performance.now() - stalledAt).toBeLessThan(4_000);
    expect(connection.reason).toBe("Command timed out");
  });

  it("is away at once when a connection is cut, also that of the channels alone", async () => {
    const { connection, server, states } = await startBehindProxy();
    connection.subscribe("channel", () => undefined);
    await connection.subscribed("channel");
    const client = server.client();
    await client.call("CLIENT", "KILL", "TYPE", "pubsub");
    await eventually(() => states.includes("away"));
    await eventually(() => connection.state === "up");
    expect(await connection.run(SAY, ["channel"], ["one"])).toBe(1);
    await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await eventually(() => connection.state === "away");
    await eventually(() => connection.state === "up");
    expect(states).toEqual(["up", "away", "up", "away", "up"]);
  });

  it("goes on when a Redis that is stopped for a while goes on", async () => {
    const server = await startRedis();
    const { connection } = await start(server.url);
    server.pause();
    await eventually(() => connection.state === "away");
    server.resume();
    await eventually(() => connection.state === "up");
    expect(await connection.run(ECHO, ["key"], [1])).toEqual(["key", "1"]);
  });

  it("has one heartbeat at a time, also when it is lost while one is under way", async () => {
    const { connection, proxy, server } = await startBehindProxy();
    const client = server.client();
    const beats = async (): Promise<number> => {
      const stats = await client.info("commandstats");
      return Number(/cmdstat_zadd:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    // The heartbeat asks by the first, and then waits for the second.
    proxy.stall(1);
    await client.config("RESETSTAT");
    while ((await beats()) === 0);
    await expect(connection.run(REFUSED, ["key"], [1])).rejects.toThrow(SharedStateAwayError);
    expect(connection.reason).toContain("OOM");
    await eventually(() => connection.reason === "Command timed out");
    expect(await beats()).toBe(1);
    proxy.resume();
    await eventually(() => connection.state === "up");
  });

  it.each([
    [
      "READONLY",
      async (client: Redis) => client.replicaof("127.0.0.1", "1"),
      async (client: Redis) => client.replicaof("NO", "ONE"),
    ],
    [
      "OOM",
      async (client: Redis) => client.config("SET", "maxmemory", "1"),
      async (client: Redis) => client.config("SET", "maxmemory", "0"),
    ],
    [
      "NOPERM",
      async (client: Redis) => client.acl("SETUSER", "default", "-evalsha", "-eval"),
      async (client: Redis) => client.acl("SETUSER", "default", "+@all"),
    ],
  ])("is away while Redis answers %s, and says so once", async (word, begin, finish) => {
    const server = await startRedis();
    const { connection, logger, states } = await start(server.url);
    const client = server.client();
    await begin(client);
    await eventually(() => connection.state === "away");
    expect(connection.reason).toContain(word);
    const lines = logger.lines.filter((line) => line.includes("warn"));
    expect(lines).toEqual([expect.stringContaining(word)]);
    await finish(client);
    await eventually(() => connection.state === "up");
    expect(states).toEqual(["up", "away", "up"]);
  });

  it("says that a password is missing or wrong, and never which", async () => {
    const server = await startRedis("--requirepass", "right-secret");
    const without = await start(server.url);
    expect(without.connection.reason).toContain("NOAUTH");
    const wrong = await start(`redis://user:wrong-secret@127.0.0.1:${server.port}`);
    expect(wrong.connection.reason).toContain("WRONGPASS");
    expect(wrong.connection.state).toBe("unseen");
    expect(wrong.logger.lines.join()).not.toContain("secret");
    const failure: unknown = await wrong.connection.run(ECHO, ["key"], [1]).catch((thrown: unknown) => thrown);
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain("secret");
    const right = await start(`redis://:right-secret@127.0.0.1:${server.port}`);
    expect(right.connection.state).toBe("up");
  });

  it("does not answer with the arguments of what failed", async () => {
    const server = await startRedis();
    const { connection } = await start(server.url);
    const failure: unknown = await connection.run(BROKEN, ["key"], ["secret"]).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(SharedStateAwayError);
    expect(JSON.stringify((failure as Error).cause, ["message", "command", "args"])).not.toContain("secret");
  });

  it("waits while a Redis that was restarted reads its data, and keeps what that had kept", async () => {
    const server = await startRedis(
      "--appendonly",
      "yes",
      "--key-load-delay",
      "2000",
      "--loading-process-events-interval-bytes",
      "1024",
    );
    const client = server.client();
    const pipeline = client.pipeline();
    for (let key = 0; key < 500; key += 1) pipeline.set(`key-${key}`, "x".repeat(100));
    await pipeline.exec();
    const { connection, states } = await start(server.url);
    await server.restart();
    await eventually(() => connection.state === "up" && states.length === 3);
    expect(await server.client().get("key-499")).toHaveLength(100);
  });

  it("does not wait for a cluster that says of no server where it is", async () => {
    const server = await startRedis("--cluster-enabled", "yes");
    const cluster = new Cluster([{ host: "127.0.0.1", port: server.port }], { lazyConnect: true });
    const { connection } = await start(cluster);
    expect(connection.state).toBe("unseen");
    const client = server.client();
    await client.config("SET", "cluster-announce-ip", "127.0.0.1");
    await client.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await eventually(() => connection.state === "up");
    await connection.close();
    expect(
      String(await client.client("LIST"))
        .trim()
        .split("\n"),
    ).toHaveLength(1);
  });

  it("copies a client, and leaves it as it is", async () => {
    const server = await startRedis();
    const client = new Redis(server.url, { keyPrefix: "of-the-client:", stringNumbers: true, lazyConnect: true });
    const { connection } = await start(client);
    expect(connection.state).toBe("up");
    expect(connection.instances).toBe(1);
    expect(client.status).toBe("wait");
    expect(await connection.run(ECHO, ["key"], [1])).toEqual(["key", "1"]);
  });

  it("leaves nothing when it is closed, in whatever state it is", async () => {
    const { connection, proxy, server } = await startBehindProxy();
    await connection.close();
    await eventually(() => proxy.connections === 0);
    expect(await server.client().zcard("test:instances")).toBe(0);
    await expect(connection.run(ECHO, ["key"], [1])).rejects.toThrow(SharedStateAwayError);

    const stalled = await start(proxy.url);
    proxy.stall();
    const began = performance.now();
    await stalled.connection.close();
    expect(performance.now() - began).toBeLessThan(1_800);
    proxy.resume();
    await eventually(() => proxy.connections === 0);

    proxy.stall();
    const connecting = open(proxy.url);
    const started = connecting.connection.start();
    await eventually(() => proxy.connections > 0);
    await connecting.connection.close();
    await started;
    proxy.resume();
    await eventually(() => proxy.connections === 0);
    expect(connecting.states).toEqual([]);
  });
});
