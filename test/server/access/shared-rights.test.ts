import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import type { AccessConfig, GrantConfig } from "../../../src/access/config/access-config.js";
import { AccessFile } from "../../../src/access/config/access-file.js";
import { eventually } from "../../support/eventually.js";
import { RecordingLogger } from "../../support/recording-logger.js";
import { disposeAfterTest, manualClockNow, startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { openStream, SseStream } from "../../support/stream-request.js";
import { Subscription } from "../../support/subscribe.js";
import { digestOf } from "../../support/test-token.js";

// What callers of different rights share, and what not; and what happens to their streams when their rights change.

const KEY = { projectName: "immtest", taskType: "MediaConvert" };
const FOLLOW =
  'subscription { taskProgress(key: { projectName: "immtest", taskType: "MediaConvert", taskId: "run" }) { status requestDefinition } }';
const FOLLOW_ALL = 'subscription { projectEvents(projectName: "immtest") { kind task { taskId } error { code } } }';

interface Event {
  readonly taskProgress: { readonly status: string; readonly requestDefinition: object | null };
}

function configOf(grants: Readonly<Record<string, readonly GrantConfig[]>>): AccessConfig {
  return { tokens: Object.entries(grants).map(([name, given]) => ({ name, sha256: digestOf(name), grants: given })) };
}

interface Running extends RunningGateway {
  /** Writes another file, and waits until it is in force. */
  readonly change: (config: AccessConfig) => Promise<void>;
}

async function start(config: AccessConfig): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "access-"));
  disposeAfterTest(async () => rm(folder, { recursive: true }));
  const path = join(folder, "access.json");
  const write = async (given: AccessConfig): Promise<void> => writeFile(path, JSON.stringify(given));
  await write(config);
  const [clock, logger] = [manualClockNow(), new RecordingLogger()];
  const access = await AccessFile.open(path, { clock, logger });
  const running = await startGateway({ clock, gateway: { access } });
  const requestDefinition = JSON.stringify({ Password: "hunter2", SourceURI: "oss://a/b" });
  running.emulator.addTask({ ...KEY, taskId: "run", requestDefinition, durationMs: Infinity, tags: { owner: "own" } });
  running.emulator.addTask({ ...KEY, taskId: "other", durationMs: Infinity, tags: { owner: "bob" } });
  return {
    ...running,
    change: async (changed) => {
      await write(changed);
      const before = logger.lines.length;
      await clock.advance(10_000);
      await eventually(() => logger.lines.length > before);
      expect(logger.lines.at(-1)).toContain("has changed");
    },
  };
}

function follow<Data>(url: string, token: string, document: string): Subscription<Data> {
  const client = createClient({
    url: `${url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  disposeAfterTest(() => void client.dispose());
  return new Subscription<Data>(client, document);
}

const READ: GrantConfig = { projects: ["immtest"], allow: ["read"] };
const FULL: GrantConfig = { projects: ["imm*"], allow: ["read", "create", "definitions"] };
const SECRET: GrantConfig = { ...FULL, allow: ["read", "definitions", "secrets"] };

describe("callers of one watch", () => {
  it("have each their own view of the definition, by the calls of one", async () => {
    const { url, gateway, emulator, clock } = await start(configOf({ full: [FULL], read: [READ], secret: [SECRET] }));
    const streams = ["read", "full", "secret", "full"].map((token) => follow<Event>(url, token, FOLLOW));
    const seen = await Promise.all(streams.map(async (stream) => stream.next()));
    expect(seen.map(({ data }) => data?.taskProgress.requestDefinition)).toEqual([
      null,
      { Password: "[redacted]", SourceURI: "oss://a/b" },
      { Password: "hunter2", SourceURI: "oss://a/b" },
      { Password: "[redacted]", SourceURI: "oss://a/b" },
    ]);
    expect(seen.map(({ errors }) => errors?.map(({ path, extensions }) => [path, extensions["code"]]))).toEqual([
      [[["taskProgress", "requestDefinition"], "FORBIDDEN"]],
      undefined,
      undefined,
      undefined,
    ]);
    expect(gateway.watchedTasks).toBe(1);
    const calls = emulator.calls.length;
    expect(calls).toBeLessThanOrEqual(2);
    emulator.finishTask("run");
    await clock.advance(clock.nextTimerInMs ?? 0);
    for (const stream of streams)
      expect(await stream.rest()).toMatchObject([{ data: { taskProgress: { status: "SUCCEEDED" } } }]);
  });

  it("of a project get each what they may see, by the polls of one", async () => {
    const own: GrantConfig = { ...FULL, own: { tag: "owner", equals: "own" } };
    const { url, emulator } = await start(configOf({ own: [own], full: [FULL], none: [{ ...READ, projects: ["x"] }] }));
    const all = follow<{ projectEvents: { kind: string; task: { taskId: string } | null } }>(url, "full", FOLLOW_ALL);
    const mine = follow<{ projectEvents: { kind: string; task: { taskId: string } | null } }>(url, "own", FOLLOW_ALL);
    const idsOf = async (stream: typeof all): Promise<readonly string[]> => {
      const ids: string[] = [];
      for (;;) {
        const event = (await stream.next()).data?.projectEvents;
        if (event?.kind === "CAUGHT_UP") return ids.toSorted();
        ids.push(event?.task?.taskId ?? String(event?.kind));
      }
    };
    expect([await idsOf(all), await idsOf(mine)]).toEqual([["other", "run"], ["run"]]);
    expect(emulator.calls.length).toBeLessThanOrEqual(2);
    const none = follow<unknown>(url, "none", FOLLOW_ALL);
    expect(await none.rest()).toMatchObject([
      { data: { projectEvents: { kind: "FAILED", error: { code: "FORBIDDEN" } } } },
    ]);
  });
});

describe("a change of the rules", () => {
  it("ends the streams that lived by what is taken away, and no others", async () => {
    const before = configOf({ a: [FULL], b: [FULL], c: [READ], d: [FULL] });
    const { url, change, emulator, clock } = await start(before);
    const plain = FOLLOW.replace(" requestDefinition", "");
    const [a, b, c, d] = [
      follow(url, "a", FOLLOW),
      follow(url, "b", FOLLOW),
      follow(url, "c", plain),
      follow(url, "d", plain),
    ];
    for (const stream of [a, b, c, d]) await stream.next();
    // `b` loses the definition that it follows, `d` one that it does not follow, `c` nothing.
    await change(configOf({ a: [READ, SECRET], b: [READ], c: [FULL], d: [READ] }));
    expect(await b.failure()).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    emulator.finishTask("run");
    await clock.advance(clock.nextTimerInMs ?? 0);
    for (const stream of [a, c, d]) expect(await stream.rest()).toHaveLength(1);
  });

  it("ends streams over HTTP with the same words, and those of a token that is gone", async () => {
    const { url, change } = await start(configOf({ a: [READ], b: [READ] }));
    const open = async (token: string): Promise<SseStream> => {
      const headers = {
        "content-type": "application/json",
        accept: "text/event-stream",
        authorization: `Bearer ${token}`,
      };
      const body = JSON.stringify({ query: FOLLOW.replace(" requestDefinition", "") });
      return new SseStream(await openStream(`${url}/graphql/stream`, { method: "POST", headers, body }));
    };
    const [a, b] = [await open("a"), await open("b")];
    for (const stream of [a, b]) expect(await stream.result()).toMatchObject({ data: {} });
    await change(configOf({ a: [{ ...READ, projects: ["other"] }] }));
    expect(await a.result()).toMatchObject({ errors: [{ extensions: { code: "FORBIDDEN" } }] });
    expect(await b.result()).toMatchObject({ errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
  });

  it("ends streams that are being opened meanwhile", async () => {
    const own: GrantConfig = { ...READ, own: { tag: "owner", equals: "own" } };
    const { url, change, clock, emulator, gateway } = await start(configOf({ a: [own], b: [own], kept: [own] }));
    // Whose the task is, is asked first.
    emulator.injectFault({ kind: "latency", delayMs: 15_000, times: 1 });
    const plain = FOLLOW.replace(" requestDefinition", "");
    const [a, kept] = [follow(url, "a", plain), follow(url, "kept", plain)];
    const headers = { "content-type": "application/json", accept: "text/event-stream", authorization: "Bearer b" };
    const body = JSON.stringify({ query: plain });
    const b = new SseStream(await openStream(`${url}/graphql/stream`, { method: "POST", headers, body }));
    await eventually(() => emulator.calls.length > 0);
    await change(configOf({ a: [{ ...own, projects: ["other"] }], kept: [own] }));
    await clock.advance(5_000);
    expect(await a.failure()).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    expect(await b.result()).toMatchObject({ errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
    expect(await kept.next()).toMatchObject({ data: { taskProgress: { status: "RUNNING" } } });
    expect(gateway.watchedTasks).toBe(1);
  });

  it("holds for the next operation of a socket that was open before", async () => {
    const { url, change } = await start(configOf({ a: [READ], b: [READ] }));
    const client = createClient({
      url: `${url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: "Bearer a" },
      lazy: false,
      retryAttempts: 0,
    });
    disposeAfterTest(() => void client.dispose());
    const ask = async (): Promise<unknown> =>
      new Subscription(
        client,
        '{ task(key: { projectName: "immtest", taskType: "MediaConvert", taskId: "run" }) { taskId } }',
      ).next();
    expect(await ask()).toMatchObject({ data: { task: { taskId: "run" } } });
    await change(configOf({ a: [{ ...READ, taskTypes: ["FileCompression"] }] }));
    expect(await ask()).toMatchObject({ errors: [{ extensions: { code: "FORBIDDEN" } }] });
  });
});
