import { describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { keyArguments } from "../../support/query.js";
import { withTimePassing } from "../../support/manual-clock.js";
import { disposeAfterTest, startGateway } from "../../support/start-gateway.js";
import { actionsOf } from "../../support/start-reader.js";

const ASKING = { "imm-extensions": "true" };
const ONE = `{ task(${keyArguments({ taskType: "FileCompression", taskId: "run" })}) { status progress } }`;

/** What `extensions` an operation posted to `path` has. */
async function extensionsOf(
  url: string,
  document: string,
  headers: Readonly<Record<string, string>>,
  path = "/graphql",
): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ query: document }),
  });
  const text = await response.text();
  const [, json = text] = /^data: (\{.*)$/m.exec(text) ?? [];
  return (JSON.parse(json) as { readonly extensions?: unknown }).extensions;
}

function tasks(...taskIds: readonly string[]): string {
  const fields = taskIds.map((taskId, index) => {
    return `t${index}: task(${keyArguments({ taskType: "FileCompression", taskId })}) { status progress }`;
  });
  return `{ ${fields.join(" ")} }`;
}

describe("extensions.imm", () => {
  it("is there when the request asks for it, and only then", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    expect(await extensionsOf(url, ONE, {})).toBeUndefined();
    expect(await extensionsOf(url, ONE, { "imm-extensions": "false" })).toBeUndefined();
    expect(await extensionsOf(url, ONE, ASKING)).toHaveProperty("imm");
  });

  it("is there in every answer when the gateway is told so", async () => {
    const { url } = await startGateway({ gateway: { reportCalls: true } });
    expect(await extensionsOf(url, "{ taskTypes { name } }", {})).toEqual({
      imm: { calls: 0, savedCalls: 0, cachedTasks: 0, sharedTasks: 0, oldestMs: null },
    });
  });

  it("tells the calls that were made, and those that aliases spared", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const report = await extensionsOf(url, tasks("run", "run", "run"), ASKING);
    expect(report).toEqual({ imm: { calls: 2, savedCalls: 4, cachedTasks: 0, sharedTasks: 0, oldestMs: 0 } });
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks"]);
  });

  it("tells what came from memory, and how old it is", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    await extensionsOf(url, tasks("run", "done"), {});
    await clock.advance(700);
    const report = await extensionsOf(url, tasks("run", "done"), ASKING);
    expect(report).toEqual({ imm: { calls: 0, savedCalls: 3, cachedTasks: 2, sharedTasks: 0, oldestMs: 700 } });
  });

  it("tells what calls of others brought", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    const reports = await Promise.all([
      extensionsOf(url, tasks("done"), ASKING),
      extensionsOf(url, tasks("done"), ASKING),
      extensionsOf(url, tasks("done"), ASKING),
    ]);
    expect(emulator.calls).toHaveLength(1);
    const totals = (reports as { readonly imm: { calls: number; sharedTasks: number; cachedTasks: number } }[]).map(
      ({ imm }) => `${imm.calls} made, ${imm.sharedTasks + imm.cachedTasks} spared`,
    );
    expect(totals.toSorted((a, b) => a.localeCompare(b))).toEqual([
      "0 made, 1 spared",
      "0 made, 1 spared",
      "1 made, 0 spared",
    ]);
  });

  it("counts every attempt, and a sweep as the pages it took", async () => {
    const { url, emulator, clock } = await startGateway();
    const taskIds = Array.from({ length: 40 }, (_value, index) => `task-${index}`);
    for (const taskId of taskIds) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    emulator.injectFault({ kind: "throttle", times: 1 });
    const report = await withTimePassing(clock, extensionsOf(url, tasks(...taskIds), ASKING));
    const { imm } = report as { readonly imm: { readonly calls: number } };
    expect(imm.calls).toBe(emulator.calls.length);
    expect(imm).toMatchObject({ savedCalls: 80 - imm.calls });
  });

  it("counts the pages of a list", async () => {
    const { url, emulator } = await startGateway();
    for (let index = 0; index < 250; index += 1) {
      emulator.addTask({ taskType: "FileCompression", taskId: `task-${index}` });
    }
    const document =
      '{ a: tasks(projectName: "immtest", first: 250) { nodes { id } } b: tasks(projectName: "immtest") { nodes { id } } }';
    const report = await extensionsOf(url, document, ASKING);
    expect(emulator.calls).toHaveLength(3);
    // The second list is the first page of the first.
    expect(report).toMatchObject({ imm: { calls: 3, savedCalls: 1 } });
  });

  it("is the same over SSE and over a WebSocket whose handshake asks for it", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    const expected = { imm: { calls: 1, savedCalls: 0, cachedTasks: 0, sharedTasks: 0, oldestMs: null } };
    const sse = { ...ASKING, accept: "text/event-stream" };
    expect(await extensionsOf(url, tasks("done"), sse, "/graphql/stream")).toEqual(expected);
    const client = createClient({
      url: `${url.replace("http", "ws")}/graphql`,
      webSocketImpl: class extends WebSocket {
        constructor(address: string, protocols: string | string[]) {
          super(address, protocols, { headers: ASKING });
        }
      },
    });
    disposeAfterTest(async () => client.dispose());
    const { value } = await client.iterate({ query: tasks("done") }).next();
    expect(value?.extensions).toEqual({ imm: { ...expected.imm, calls: 0, savedCalls: 1, cachedTasks: 1 } });
  });

  it("counts a long poll as answered by the watch that everybody shares", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    const document = `{ awaitTask(${keyArguments({ taskType: "FileCompression", taskId: "done" })}) { status } }`;
    expect(await extensionsOf(url, document, ASKING)).toEqual({
      imm: { calls: 0, savedCalls: 1, cachedTasks: 0, sharedTasks: 1, oldestMs: null },
    });
  });
});
