import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Cluster } from "ioredis";
import { RedisConnection, type RedisClient } from "../../src/adapters/redis/connection.js";
import { RedisExchange } from "../../src/adapters/redis/exchange.js";
import { systemClock } from "../../src/clock.js";
import { silentLogger } from "../../src/log.js";
import type { Seat } from "../../src/tasks/watch/exchange.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { eventually } from "../support/eventually.js";
import { describeExchange, RecordingMember, type ExchangeInstance } from "../support/exchange-suite.js";
import { openRedis, startRedis, type RedisServer } from "../support/redis-server.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

/** Longer than it takes to be there again after a cut. */
const DURATIONS = { leaseMs: 1_500, wantMs: 900, wantRenewalMs: 200 };

/** Its messages get lost on their way where a test says so. */
class LossyConnection extends RedisConnection {
  isDeaf = false;

  override subscribe(channel: string, listener: (message: string) => void): () => void {
    return super.subscribe(channel, (message) => {
      if (!this.isDeaf) listener(message);
    });
  }
}

async function connect(redis: string | RedisClient, prefix: string): Promise<LossyConnection> {
  const connection = new LossyConnection({ redis, prefix, clock: systemClock, logger: silentLogger });
  disposeAfterTest(async () => connection.close());
  await connection.start();
  expect(connection.state).toBe("up");
  return connection;
}

function exchangeOf(connection: RedisConnection): RedisExchange {
  const exchange = new RedisExchange({ connection, clock: systemClock, ...DURATIONS });
  disposeAfterTest(() => exchange.close());
  return exchange;
}

async function openInstance(port: number, prefix: string): Promise<ExchangeInstance> {
  const proxy = await startTcpProxy(port);
  const connection = await connect(proxy.url, prefix);
  const exchange = exchangeOf(connection);
  return {
    exchange,
    goAway: async () => {
      proxy.cut();
      await eventually(() => connection.state === "away");
    },
    comeBack: async () => {
      proxy.resume();
      await eventually(() => connection.state === "up");
    },
    kill: async () => {
      exchange.close();
      proxy.cut();
    },
    get isDeaf() {
      return connection.isDeaf;
    },
    set isDeaf(isDeaf) {
      connection.isDeaf = isDeaf;
    },
  };
}

/** Not a sleep in place of an event: what a lease does when it runs out is a matter of time alone. */
async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await eventually(() => performance.now() >= end);
}

let server: RedisServer;
let close: () => Promise<void>;
let opened = 0;
const nextPrefix = (): string => `test-${(opened += 1)}`;

beforeAll(async () => {
  ({ server, close } = await openRedis());
});

afterAll(async () => close());

describeExchange("on Redis", async () => {
  const prefix = nextPrefix();
  return {
    leaseMs: DURATIONS.leaseMs,
    wantMs: DURATIONS.wantMs,
    open: async () => openInstance(server.port, prefix),
    tick: () => systemClock.tick(),
    pass,
    until: eventually,
  };
});

describe("the exchange on Redis", () => {
  const start = async (port = server.port): Promise<Started> => {
    const prefix = nextPrefix();
    const connection = await connect(`redis://127.0.0.1:${port}`, prefix);
    const other = await connect(`redis://127.0.0.1:${port}`, prefix);
    return { connection, keyOf: (kind) => connection.keyOf(kind, "project"), ...sit(connection), other: sit(other) };
  };

  it("has no key that is kept for good, and none without its prefix", async () => {
    const { seat, other, keyOf } = await start();
    const client = server.client();
    await client.flushall();
    await seat.claim();
    await other.seat.want(new Set(["x"]));
    await seat.publish({ entries: new Map([["n", "1"]]), forgotten: [], news: "one" });
    const keys = await client.keys(keyOf("*"));
    expect(keys.toSorted()).toEqual(["entries", "lease", "want-ends", "wants"].map(keyOf));
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(60_000);
    await other.seat.leave();
    await seat.leave();
    for (const key of await client.keys("*")) expect(await client.pttl(key)).toBeGreaterThan(0);
    expect(await client.hgetall(keyOf("wants"))).toEqual({});
  });

  it("gives each owner a greater epoch than all before, also when Redis has forgotten them", async () => {
    const { seat, other, keyOf } = await start();
    const client = server.client();
    const epoch = async (): Promise<number> => Number(await client.hget(keyOf("lease"), "epoch"));
    await seat.claim();
    const first = await epoch();
    await client.del(keyOf("lease"));
    expect(await seat.publish({ entries: new Map(), forgotten: [], news: "late" })).toBe("lost");
    await other.seat.claim();
    const second = await epoch();
    await other.seat.leave();
    await client.hset(keyOf("lease"), "epoch", second + 1_000_000);
    expect((await seat.claim()).isHolder).toBe(true);
    expect([second > first, await epoch()]).toEqual([true, second + 1_000_001]);
  });

  it("does not hold a lease for ages where the clock of Redis was set back", async () => {
    const { seat, other, keyOf } = await start();
    await seat.claim();
    await server.client().hincrby(keyOf("lease"), "until", 3_600_000);
    expect((await other.seat.claim()).isHolder).toBe(true);
  });

  it("takes messages with members that it does not know, and one that it cannot read as missed", async () => {
    const { seat, events, other, keyOf, connection } = await start();
    const client = server.client();
    await other.seat.claim();
    const { epoch = "" } = await client.hgetall(keyOf("lease"));
    await seat.claim();
    const say = async (message: unknown): Promise<unknown> => client.publish(keyOf("news"), JSON.stringify(message));
    const news = { v: 1, kind: "news", from: "another", epoch: Number(epoch), news: "new", later: { member: 1 } };
    await say({ ...news, seq: 1 });
    await say({ v: 1, kind: "of a later release", from: "another" });
    await say({ v: 1, kind: "hint", from: "another", text: "hint", later: 1 });
    await say({ ...news, seq: 2, from: connection.instanceId });
    await say({ ...news, seq: 3 });
    await eventually(() => events.length === 3);
    expect(events).toEqual(["new", "hint hint", "new"]);
    for (const unreadable of [{ ...news, seq: 4, v: 2 }, { ...news, seq: "4" }, null, "text", { v: 1, kind: "news" }]) {
      events.length = 0;
      await say(unreadable);
      await eventually(() => events.length === 1);
      expect(events).toEqual(["gap"]);
      await client.hset(keyOf("lease"), "seq", 3);
      await seat.claim();
    }
    await client.publish(keyOf("news"), "{not JSON");
    await eventually(() => events.length === 2);
    expect(events).toEqual(["gap", "gap"]);
  });

  it("renews all wants of a project with one command, and all projects without a flood", async () => {
    const prefix = nextPrefix();
    const connection = await connect(server.url, prefix);
    const exchange = exchangeOf(connection);
    const wants = new Set(Array.from({ length: 1_000 }, (_, index) => `task-${index}`));
    const seats = ["a", "b", "c"].map((project) => exchange.join(project, new RecordingMember()));
    for (const seat of seats) await seat.want(wants);
    const client = server.client();
    await client.config("RESETSTAT");
    await pass(DURATIONS.wantRenewalMs * 5);
    const stats = await client.info("commandstats");
    // Besides those of the heartbeat. Two runs more than there are renewals, as time at both ends is not exact.
    const count = (command: string): number =>
      Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    expect(count("zadd")).toBeGreaterThan(9);
    expect(count("zadd")).toBeLessThan(25);
    expect(count("hset")).toBeLessThanOrEqual(count("zadd"));
    expect(await client.hlen(connection.keyOf("wants", "a"))).toBe(1_001);
  });

  it("wants all again where Redis has let it end, as after the process stood still", async () => {
    const { seat, keyOf } = await start();
    await seat.want(new Set(["x", "y"]));
    const client = server.client();
    await client.del(keyOf("want-ends"), keyOf("wants"));
    let fields: string[] = [];
    while (fields.length < 3) fields = await client.hkeys(keyOf("wants"));
    expect(fields.map((field) => field.split(" ")[1])).toEqual(expect.arrayContaining(["x", "y"]));
    expect(await client.zcard(keyOf("want-ends"))).toBe(1);
  });

  it("keeps nothing of a publication that waited in a stalled connection until another had the lease", async () => {
    const prefix = nextPrefix();
    const proxy = await startTcpProxy(server.port);
    const stalled = sit(await connect(proxy.url, prefix));
    const other = sit(await connect(server.url, prefix));
    await stalled.seat.claim();
    await other.seat.claim();
    proxy.stall();
    const late = stalled.seat.publish({ entries: new Map([["n", "late"]]), forgotten: [], news: "late" });
    const marker = stalled.seat.hint("late");
    await expect(late).rejects.toThrow("cannot be reached");
    await expect(marker).rejects.toThrow("cannot be reached");
    expect(stalled.events).toEqual(["away"]);
    await pass(DURATIONS.leaseMs);
    expect((await other.seat.claim()).isHolder).toBe(true);
    proxy.resume();
    // It was sent after the publication, over the same connection, and does not ask for the lease.
    await eventually(() => other.events.length === 1);
    expect(other.events).toEqual(["hint late"]);
    expect((await other.seat.claim()).entries).toEqual(new Map());
    await eventually(() => stalled.events.includes("gap"));
    expect((await stalled.seat.claim()).isHolder).toBe(false);
  });

  it("does not want again what a command that comes late had wanted", async () => {
    const server = await startRedis();
    const prefix = nextPrefix();
    const proxy = await startTcpProxy(server.port);
    const connection = await connect(proxy.url, prefix);
    const { seat } = sit(connection);
    const client = server.client();
    const wanted = async (): Promise<string[]> => {
      const fields = await client.hkeys(connection.keyOf("wants", "project"));
      return fields.filter((field) => field.includes(" ")).map((field) => field.split(" ")[1] ?? "");
    };
    await seat.want(new Set(["old"]));
    expect(await wanted()).toEqual(["old"]);
    // In the state in which a later command has left it.
    await client.hset(connection.keyOf("wants", "project"), connection.instanceId, 1_000);
    await seat.want(new Set(["older"]));
    expect(await wanted()).toEqual(["old"]);
  });

  it("goes on after Redis was restarted, whether or not it has kept what it had", async () => {
    for (const parameters of [["--appendonly", "yes"], []]) {
      const own = await startRedis(...parameters);
      const { seat, events, other, keyOf, connection } = await start(own.port);
      await seat.claim();
      await other.seat.claim();
      await other.seat.want(new Set(["x"]));
      await seat.publish({ entries: new Map([["n", "1"]]), forgotten: [], news: "one" });
      await eventually(() => other.events.length === 1);
      await own.kill();
      await eventually(() => seat.isAway && other.seat.isAway);
      await own.start();
      await eventually(() => !seat.isAway && !other.seat.isAway);
      expect(other.events).toEqual(["one", "away", "gap"]);
      expect(events).toEqual(["away", "gap"]);
      const claim = await seat.claim();
      const isKept = parameters.length > 0;
      expect(claim.isHolder).toBe(true);
      expect(claim.entries.size).toBe(isKept ? 1 : 0);
      await other.seat.claim();
      const published = await seat.publish({ entries: new Map([["n", "2"]]), forgotten: [], news: "two" });
      expect(published).not.toBe("lost");
      await eventually(() => other.events.length === 4);
      expect(other.events.at(-1)).toBe("two");
      expect((await seat.claim()).wants).toEqual(new Set(["x"]));
      expect(await own.client().hget(keyOf("lease"), "owner")).toBe(connection.instanceId);
    }
  });

  it("takes a seat before the first contact", async () => {
    const own = await startRedis();
    await own.stop();
    const connection = new RedisConnection({
      redis: own.url,
      prefix: "early",
      clock: systemClock,
      logger: silentLogger,
    });
    disposeAfterTest(async () => connection.close());
    await connection.start();
    const { seat, events } = sit(connection);
    expect(seat.isAway).toBe(true);
    await expect(seat.claim()).rejects.toThrow("cannot be reached");
    await expect(seat.want(new Set(["x"]))).rejects.toThrow("cannot be reached");
    await own.start();
    await eventually(() => !seat.isAway);
    expect(events).toEqual(["gap"]);
    expect((await seat.claim()).isHolder).toBe(true);
    const other = sit(await connect(own.url, "early"));
    expect((await other.seat.claim()).wants).toEqual(new Set(["x"]));
  });

  it("works in a cluster, where each script is of one slot", async () => {
    const own = await startRedis("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1");
    const client = own.client();
    await client.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    while (!(await client.cluster("INFO")).includes("cluster_state:ok"));
    const cluster = new Cluster([{ host: "127.0.0.1", port: own.port }], { lazyConnect: true });
    const connection = await connect(cluster, "test");
    const { seat, events } = sit(connection);
    const other = sit(await connect(cluster, "test"));
    expect((await seat.claim()).isHolder).toBe(true);
    await other.seat.claim();
    await other.seat.want(new Set(["x"]));
    const one = await seat.publish({ entries: new Map([["n", "1"]]), forgotten: [], news: "one" });
    expect(one).toMatchObject({ wants: new Set(["x"]) });
    await other.seat.hint("hint");
    await eventually(() => other.events.length + events.length === 2);
    expect([other.events, events]).toEqual([["one"], ["hint hint"]]);
    expect(await other.seat.read(["n"])).toEqual(new Map([["n", "1"]]));
    await own.restart();
    await eventually(() => other.events.includes("gap") && events.includes("gap"));
    expect((await seat.claim()).isHolder).toBe(true);
    await seat.leave();
    await eventually(() => other.events.includes("released"));
    await connection.close();
    expect(cluster.status).toBe("wait");
  });
});

interface Sitting {
  readonly seat: Seat;
  readonly events: string[];
}

interface Started extends Sitting {
  readonly connection: RedisConnection;
  readonly other: Sitting;
  readonly keyOf: (kind: string) => string;
}

function sit(connection: RedisConnection): Sitting {
  const member = new RecordingMember();
  return { seat: exchangeOf(connection).join("project", member), events: member.events };
}
