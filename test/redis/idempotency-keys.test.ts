import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { RedisConnection } from "../../src/adapters/redis/connection.js";
import { RedisIdempotencyKeys } from "../../src/adapters/redis/idempotency-keys.js";
import { systemClock } from "../../src/clock.js";
import { OutcomeUnknownError, UpstreamUnavailableError } from "../../src/errors.js";
import type { ImmClient } from "../../src/imm/imm-client.js";
import { KEY_LIFETIME_MS } from "../../src/tasks/create/idempotency-keys.js";
import { eventually } from "../support/eventually.js";
import { describeIdempotencyKeys, type OpenKeys } from "../support/idempotency-keys-suite.js";
import { RecordingLogger } from "../support/recording-logger.js";
import { openRedis, startRedis, type RedisServer } from "../support/redis-server.js";
import {
  CREATE_MS,
  createsOf,
  describeSharedStarts,
  shownOf,
  startWorld,
  TAGGED,
  UNTAGGED,
  whileTimePasses,
} from "../support/shared-starts-suite.js";
import { disposeAfterTest } from "../support/dispose-after-test.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

let shared: Awaited<ReturnType<typeof openRedis>>;
beforeAll(async () => (shared = await openRedis()));
beforeEach(async () => shared.server.client().flushall());
afterAll(async () => shared.close());

async function connectTo(url: string): Promise<RedisConnection> {
  const logger = new RecordingLogger();
  const connection = new RedisConnection({ redis: url, prefix: "test", clock: systemClock, logger });
  disposeAfterTest(async () => connection.close());
  await connection.start();
  return connection;
}

async function keysOf(server: RedisServer): Promise<RedisIdempotencyKeys> {
  return new RedisIdempotencyKeys(await connectTo(server.url));
}

/** All keys are as if so much more time had passed since they were written. */
async function age(server: RedisServer, ms: number): Promise<void> {
  const redis = server.client();
  await redis.eval(AGE, 0, ms);
  redis.disconnect();
}

const AGE = `
  for _, key in ipairs(redis.call("KEYS", "test:{*}:key:*")) do
    local head, at, before, attempt, answer =
      string.match(redis.call("GET", key), "^(%d+ %a+ %S+ %S+) (%d+) (%d*)(%S+)(.*)$")
    if before ~= "" then before = string.format("%.0f", before - ARGV[1]) end
    local text = head .. " " .. string.format("%.0f", at - ARGV[1]) .. " " .. before .. attempt .. answer
    local rest = redis.call("PTTL", key) - ARGV[1]
    if rest > 0 then redis.call("SET", key, text, "PX", rest) else redis.call("DEL", key) end
  end
`;

const open: OpenKeys = async (clock) => ({
  handles: [await keysOf(shared.server), await keysOf(shared.server)],
  elapse: async (ms) => {
    await age(shared.server, ms);
    await clock.advance(ms);
  },
});

describeIdempotencyKeys("on Redis", open);
describeSharedStarts("on Redis", open);

/** A client whose create waits, once it has been asked for, until the test lets it go on. */
function gated(imm: ImmClient): { client: ImmClient; asked: Promise<void>; goOn: () => void } {
  let ask = (): void => undefined;
  let goOn = (): void => undefined;
  const asked = new Promise<void>((resolve) => (ask = resolve));
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  const createTask: ImmClient["createTask"] = async (...call) => {
    ask();
    const created = await imm.createTask(...call);
    await gate;
    return created;
  };
  return { client: { ...imm, createTask }, asked, goOn };
}

describe("three instances", () => {
  it.each([
    ["with tags", TAGGED],
    ["without tags", UNTAGGED],
  ])("start one task for a type %s, also after a restart of all, Redis among them", async (_case, request) => {
    const server = await startRedis("--appendonly", "yes", "--maxmemory-policy", "noeviction");
    const { emulator, clock, start } = await startWorld();
    const starters = [];
    for (let index = 0; index < 3; index += 1) starters.push(start(await keysOf(server)));
    const starts = Promise.all(starters.map(async (starter) => starter.start(request)));
    await eventually(() => createsOf(emulator) === 1);
    const outcomes = await whileTimePasses(async (ms) => clock.advance(ms), starts);
    expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1);
    const shown = outcomes.map(shownOf);
    expect(shown).toEqual(Array(3).fill(shown[0]));
    await server.restart();
    emulator.clearCalls();
    expect(shownOf(await start(await keysOf(server)).start(request))).toEqual(shown[0]);
    expect(emulator.calls).toEqual([]);
  });
});

describe("while Redis is away", () => {
  it("a create with a key is refused before any call, and one without is not", async () => {
    const server = await startRedis();
    const { emulator, start } = await startWorld();
    const starter = start(await keysOf(server));
    await server.stop();
    await expect(starter.start(UNTAGGED)).rejects.toMatchObject({
      code: "UPSTREAM_UNAVAILABLE",
      retryable: true,
      mayHaveArrived: false,
      retryAfterMs: expect.any(Number),
      message: expect.stringMatching(/Redis \(`REDIS_URL`\) is not reached\. No task was started/),
    });
    await expect(starter.start(TAGGED)).rejects.toBeInstanceOf(UpstreamUnavailableError);
    expect(emulator.calls).toEqual([]);
    expect(await starter.start({ ...UNTAGGED, idempotencyKey: undefined })).toMatchObject({ isNew: true });
  });

  it("a create that was not seen to take its key has not kept it, once Redis is there again", async () => {
    const server = await startRedis();
    const { emulator, start } = await startWorld();
    const connection = await connectTo(server.url);
    const starter = start(new RedisIdempotencyKeys(connection));
    server.pause();
    await expect(starter.start(UNTAGGED)).rejects.toBeInstanceOf(UpstreamUnavailableError);
    server.resume();
    await eventually(() => connection.state === "up");
    const other = await start(await keysOf(server)).start(UNTAGGED);
    expect(other.isNew).toBe(true);
    expect(createsOf(emulator)).toBe(1);
  });

  it("nor has one whose instance is never heard of again: the key is free when its hold ends", async () => {
    const server = await startRedis();
    const { clock, emulator, start } = await startWorld();
    const connection = await connectTo(server.url);
    server.pause();
    await expect(start(new RedisIdempotencyKeys(connection)).start(UNTAGGED)).rejects.toBeInstanceOf(
      UpstreamUnavailableError,
    );
    await connection.close();
    server.resume();
    // What has been sent is carried out all the same.
    const redis = server.client();
    while ((await redis.keys("test:{*}:key:*")).length === 0);
    const elapse = async (ms: number): Promise<void> => {
      await age(server, ms);
      await clock.advance(ms);
    };
    expect(await whileTimePasses(elapse, start(await keysOf(server)).start(UNTAGGED))).toMatchObject({ isNew: true });
    expect(createsOf(emulator)).toBe(1);
  });

  it("a task that was started is answered, and the key with it once Redis is there again", async () => {
    const server = await startRedis();
    const { emulator, imm, start } = await startWorld();
    const { client, asked, goOn } = gated(imm);
    const connection = await connectTo(server.url);
    const first = start(new RedisIdempotencyKeys(connection), client).start(UNTAGGED);
    await asked;
    server.pause();
    goOn();
    expect(await first).toMatchObject({ isNew: true });
    server.resume();
    await eventually(() => connection.state === "up");
    const again = await start(await keysOf(server)).start(UNTAGGED);
    expect(again).toMatchObject({ isNew: false });
    expect(shownOf(again)).toEqual(shownOf(await first));
    expect(createsOf(emulator)).toBe(1);
  });

  it("a task that was started is never started again, where its instance is never heard of again", async () => {
    const { server } = shared;
    const proxy = await startTcpProxy(server.port);
    const { emulator, imm, start } = await startWorld();
    const { client, asked, goOn } = gated(imm);
    const first = start(new RedisIdempotencyKeys(await connectTo(proxy.url)), client).start(UNTAGGED);
    await asked;
    proxy.cut();
    goOn();
    expect(await first).toMatchObject({ isNew: true });
    await age(server, CREATE_MS);
    await expect(start(await keysOf(server)).start(UNTAGGED)).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(createsOf(emulator)).toBe(1);
  });
});

describe("what Redis holds", () => {
  it("is small, ends after 24 hours, and says nothing of the key, the caller or the input", async () => {
    const redis = shared.server.client();
    const { start } = await startWorld();
    await start(await keysOf(shared.server)).start({
      ...UNTAGGED,
      idempotencyKey: "my-own-key",
      caller: "some-caller",
    });
    const [key = ""] = await redis.keys("test:{immtest}:key:*");
    expect(key).toMatch(/^test:\{immtest\}:key:[0-9a-f]{32}$/);
    const text = await redis.get(key);
    expect(text).toMatch(
      /^1 answered - [0-9a-f]{32} \d{13} - \{"taskId":"[^"]+","eventId":"[^"]+","requestId":"[^"]+","startedAt":\d+\}$/,
    );
    expect(text).not.toMatch(/my-own-key|some-caller|s3cret|oss:/);
    expect(await redis.pttl(key)).toBeGreaterThan(KEY_LIFETIME_MS - 60_000);
    expect(await redis.memory("USAGE", key)).toBeLessThan(450);
  });

  it("is not overwritten where a later release has written it: a task may have been started", async () => {
    const redis = shared.server.client();
    const { emulator, start } = await startWorld();
    const starter = start(await keysOf(shared.server));
    await starter.start(UNTAGGED);
    const [key = ""] = await redis.keys("test:{immtest}:key:*");
    await redis.set(key, "2 of another form");
    await expect(starter.start(UNTAGGED)).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(await redis.get(key)).toBe("2 of another form");
    expect(createsOf(emulator)).toBe(1);
  });

  it.each(["not JSON", "null", "{}", '{"taskId":1,"startedAt":1}'])(
    "counts as one whose answer was lost where its answer is %s",
    async (answer) => {
      const redis = shared.server.client();
      const { emulator, start } = await startWorld();
      const starter = start(await keysOf(shared.server));
      await starter.start(UNTAGGED);
      const [key = ""] = await redis.keys("test:{immtest}:key:*");
      const text = (await redis.get(key)) ?? "";
      await redis.set(key, `${text.slice(0, text.indexOf("{"))}${answer}`);
      await expect(start(await keysOf(shared.server)).start(UNTAGGED)).rejects.toBeInstanceOf(OutcomeUnknownError);
      expect(createsOf(emulator)).toBe(1);
    },
  );
});
