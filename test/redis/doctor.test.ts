/** What `doctor` says of a real Redis. */

import { describe, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import type { Check } from "../../src/commands/doctor/check.js";
import { startRedis } from "../support/redis-server.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { CommandRun } from "../support/run-command.js";

const KEEPING = ["--appendonly", "yes", "--maxmemory-policy", "noeviction"];

/** Where no IMM is. */
const UPSTREAM = { IMM_REGION: "cn-hangzhou", IMM_ENDPOINT: "http://127.0.0.1:9" };

interface Report {
  readonly checks: readonly Check[];
  readonly text: string;
}

/** What it says of Redis, and all that it says. */
async function examine(env: Readonly<Record<string, string>>): Promise<Report> {
  const { stdout, stderr } = await new CommandRun(["doctor", "--json"], { PORT: "0", ...UPSTREAM, ...env }).finished;
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly Check[] };
  return { checks: checks.filter(({ id }) => /^redis(:|$)/.test(id)), text: `${stdout}${stderr}` };
}

describe("doctor finds that Redis is right", () => {
  it("with a password, and how many gateways are there, which stays as it is", async () => {
    const redis = await startRedis(...KEEPING, "--requirepass", "hunter2");
    const url = redis.url.replace("//", "//:hunter2@");
    const client = new Redis(url);
    disposeAfterTest(() => client.disconnect());
    await client.zadd("media:cn-hangzhou:instances", Date.now() + 30_000, "one", Date.now() + 30_000, "two", 1, "gone");
    const { checks, text } = await examine({ REDIS_URL: url, REDIS_PREFIX: "media" });
    const message = `answers and runs scripts; 2 gateways of the prefix media:cn-hangzhou are there.`;
    expect(checks).toMatchObject([{ id: "redis", status: "ok", message: expect.stringContaining(message) }]);
    expect(checks[0]?.message).toMatch(/^Redis \d+\.\d+\.\d+ at redis:\/\/127\.0\.0\.1:\d+ /);
    expect(text).not.toContain("hunter2");
    expect(await client.keys("*")).toEqual(["media:cn-hangzhou:instances"]);
    expect(await client.zcard("media:cn-hangzhou:instances")).toBe(3);
  });
});

describe("doctor names what is wrong with Redis, and the cure:", () => {
  it("one that forgets", async () => {
    const redis = await startRedis("--maxmemory-policy", "allkeys-lru");
    const { checks } = await examine({ REDIS_URL: redis.url });
    expect(checks).toMatchObject([
      { id: "redis", status: "ok" },
      { id: "redis:appendonly", status: "warning", cure: expect.stringContaining("CONFIG SET appendonly yes") },
      {
        id: "redis:maxmemory-policy",
        status: "warning",
        message: expect.stringContaining("maxmemory-policy allkeys-lru"),
        cure: expect.stringContaining("noeviction"),
      },
    ]);
  });

  it("no password, a wrong one, no such database", async () => {
    const redis = await startRedis(...KEEPING, "--requirepass", "hunter2");
    const refused = { id: "redis", status: "failed", cure: expect.stringContaining("redis://user:password@host") };
    for (const url of [redis.url, redis.url.replace("//", "//:wrong-hunter3@")]) {
      const { checks, text } = await examine({ REDIS_URL: url });
      expect(checks).toMatchObject([{ ...refused, message: expect.stringMatching(/\((NOAUTH|WRONGPASS)\)\.$/) }]);
      expect(text).not.toContain("hunter");
    }
    const { checks } = await examine({ REDIS_URL: `${redis.url.replace("//", "//:hunter2@")}/99` });
    expect(checks).toMatchObject([{ status: "failed", message: expect.stringContaining("no database") }]);
  });

  it("a user who may not, in part or at all, until it is given the rights that the cure names", async () => {
    const redis = await startRedis(...KEEPING);
    const client = redis.client();
    const url = redis.url.replace("//", "//gateway:hunter2@");
    const user = async (...rules: readonly string[]): Promise<readonly Check[]> => {
      await client.acl("SETUSER", "gateway", "reset", "on", ">hunter2", ...rules);
      return (await examine({ REDIS_URL: url })).checks;
    };
    const [ofKeys] = await user("~other:*", "&*", "+@all");
    expect(ofKeys).toMatchObject({ status: "failed", message: expect.stringContaining("may not run a script") });
    const [ofChannels] = await user("~*", "&other:*", "+@all");
    expect(ofChannels).toMatchObject({ status: "failed", message: expect.stringContaining("may not listen") });
    const [silent, unsaid] = await user("~*", "&*", "+@all", "-info");
    expect(silent).toMatchObject({ status: "ok", message: expect.stringMatching(/^Redis at /) });
    expect(unsaid).toMatchObject({
      id: "redis:config",
      status: "warning",
      cure: expect.stringContaining("appendonly yes and maxmemory-policy noeviction"),
    });
    const [, rules = ""] = /ACL SETUSER <name> (.*)\.$/.exec(ofKeys?.cure ?? "") ?? [];
    expect(await user(...rules.split(" "))).toMatchObject([{ id: "redis", status: "ok" }]);
  });

  it("a replica, and a node of a cluster", async () => {
    const redis = await startRedis(...KEEPING);
    await redis.client().replicaof("127.0.0.1", "1");
    expect((await examine({ REDIS_URL: redis.url })).checks).toMatchObject([
      { status: "failed", message: expect.stringContaining("is a replica"), cure: expect.stringContaining("primary") },
    ]);
    const node = await startRedis(...KEEPING, "--cluster-enabled", "yes");
    expect((await examine({ REDIS_URL: node.url })).checks).toMatchObject([
      {
        status: "failed",
        message: expect.stringContaining("a node of a cluster"),
        cure: expect.stringContaining("`Cluster`"),
      },
    ]);
  });

  it("one that does not answer, or wants no TLS", async () => {
    const redis = await startRedis(...KEEPING);
    const ofTls = examine({ REDIS_URL: redis.url.replace("redis:", "rediss:") });
    expect((await ofTls).checks).toMatchObject([{ status: "failed", cure: expect.stringContaining("Has it TLS?") }]);
    redis.pause();
    const { checks } = await examine({ REDIS_URL: redis.url });
    expect(checks).toMatchObject([{ status: "failed", message: expect.stringContaining("(ETIMEDOUT)") }]);
  });

  it("clocks that are apart", async () => {
    const redis = await startRedis(...KEEPING);
    const run = new CommandRun(["doctor", "--json"], { PORT: "0", REDIS_URL: redis.url });
    run.clock.stepWall(90_000);
    const { checks } = JSON.parse((await run.finished).stdout) as { readonly checks: readonly Check[] };
    expect(checks.find(({ id }) => id === "redis:clock")).toMatchObject({
      status: "warning",
      message: expect.stringMatching(/^The clock of this machine is (89|90|91) seconds ahead of Redis'/),
      cure: expect.stringContaining("NTP"),
    });
  });
});
