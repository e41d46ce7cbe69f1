import { describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION } from "../../../src/emulator/emulator.js";
import type { ImmClient, ImmTask } from "../../../src/imm/imm-client.js";
import { createGateway } from "../../../src/server/gateway.js";
import { transports } from "../../support/every-transport.js";
import { keyArguments, query } from "../../support/query.js";
import { RecordingLogger } from "../../support/recording-logger.js";
import { disposeAfterTest, startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { subscribeBySse } from "../../support/stream-request.js";
import { connect, subscribe } from "../../support/subscribe.js";
import { uncalled } from "../../support/uncalled.js";

const TYPE = "FileCompression";
const NAMES = Array.from({ length: 280 }, (_value, index) => `a${index}: requestDefinitionText`).join(" ");
const BOUND = 200_000;
const TOO_LARGE = {
  message: `Expected an answer of at most ${BOUND} bytes: ask for fewer tasks or fields.`,
  extensions: { code: "BAD_USER_INPUT", argument: null },
};

/** Tasks of which `large` has a definition of 16 KB. */
async function start(maxResponseBytes?: number): Promise<RunningGateway> {
  const running = await startGateway({ gateway: { redactDefinitions: false, maxResponseBytes } });
  const requestDefinition = JSON.stringify({ text: "x".repeat(16_384) });
  running.emulator.addTask({ taskType: TYPE, taskId: "large", durationMs: 0, requestDefinition });
  running.emulator.addTask({ taskType: TYPE, taskId: "small", durationMs: 0, requestDefinition: "{}" });
  return running;
}

describe("an answer that is too large", () => {
  it("is one error that says the bound, whatever the transport", async () => {
    const { url } = await start(BOUND);
    const key = keyArguments({ taskType: TYPE, taskId: "large" });
    const json = JSON.stringify({ query: `{ task(${key}) { taskId ...F } } fragment F on Task { ${NAMES} }` });
    for (const name of ["P", "S", "W"] as const) {
      expect(await transports[name](url, json)).toMatchObject({ errors: [TOO_LARGE], data: undefined });
    }
    expect((await transports.P(url, json)).status).toBe(400);
    expect((await query(url, `{ task(${key}) { requestDefinitionText } }`)).errors).toEqual([]);
  });

  it("is refused before its text is made", async () => {
    const { url, emulator } = await start();
    const requestDefinition = JSON.stringify({ text: "x".repeat(16_384) });
    for (let index = 0; index < 60; index += 1) {
      emulator.addTask({ taskType: "MediaConvert", taskId: `t${index}`, durationMs: 0, requestDefinition });
    }
    const document = `{ tasks(projectName: "immtest", first: 62) { nodes { ...F } } } fragment F on Task { ${NAMES} }`;
    const before = process.memoryUsage().heapUsed;
    const { status, errors, data } = await query(url, document);
    expect([status, data]).toEqual([400, undefined]);
    expect(errors).toMatchObject([{ message: expect.stringContaining("at most 16777216 bytes") }]);
    // Its text would have 285 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
  });

  it("is a bound on the answer as a whole, to the byte", async () => {
    const { url } = await start();
    const document = `{ a: task(${keyArguments({ taskType: TYPE, taskId: "large" })}) { ...F } } fragment F on Task { ${NAMES} }`;
    const { text } = await query(url, document);
    // The line ends with a newline that is no part of the JSON.
    const bytes = Buffer.byteLength(text.trimEnd());
    const exact = await start(bytes);
    expect((await query(exact.url, document)).errors).toEqual([]);
    const oneLess = await start(bytes - 1);
    expect((await query(oneLess.url, document)).errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT" } }]);
  });

  it("is one event of a subscription, and the others go on", async () => {
    const { url } = await start(BOUND);
    const keys = ["large", "small"].map((taskId) => ({ projectName: "immtest", taskType: TYPE, taskId }));
    const document = `subscription ($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys) { task { taskId ${NAMES} } } }`;
    const bySocket = await subscribe(connect(url), document, { keys }).rest();
    const bySse = (await (await subscribeBySse(url, document, { keys })).rest()).map(({ data }) => data);
    for (const events of [bySocket, bySse.slice(0, 3)]) {
      // The two, and that these were all.
      expect(events).toHaveLength(3);
      expect(events).toContainEqual({ errors: [TOO_LARGE] });
      expect(events).toContainEqual({ data: { taskEvents: { task: expect.objectContaining({ taskId: "small" }) } } });
    }
  });

  it("keeps of a mutation what is small: the ids of what was started above all", async () => {
    const { url, emulator } = await start(BOUND);
    const userData = "x".repeat(2_000);
    const names = Array.from({ length: 200 }, (_value, index) => `b${index}: requestDefinitionText`).join(" ");
    const uri = `oss://b/${"k".repeat(700)}`;
    const input = {
      projectName: "immtest",
      sources: Array.from({ length: 20 }, () => ({ uri })),
      targetUri: "oss://b/a.zip",
      userData,
    };
    const document = `mutation ($input: CreateFileCompressionTaskInput!) {
      created: createFileCompressionTask(input: $input) { isNew requestId task { id taskId status ${names} } }
    }`;
    const answer = await query<{ created: { task: Record<string, unknown> } }>(url, document, { input });
    expect(answer.status).toBe(200);
    expect(answer.errors).toMatchObject([TOO_LARGE]);
    const created = emulator.calls.filter(({ action }) => action.startsWith("Create"));
    expect(created).toHaveLength(1);
    expect(answer.data?.created).toMatchObject({
      isNew: true,
      requestId: expect.any(String),
      task: { id: expect.any(String), taskId: expect.stringMatching(/^FileCompression-/), status: "RUNNING", b0: null },
    });
    expect(answer.text.length).toBeLessThan(BOUND);
  });
});

/** A task that only an implementation of the port, and no JSON, can bring. */
function createClient(tags: Readonly<Record<string, unknown>>): ImmClient {
  const task: ImmTask = {
    status: "Succeeded",
    requestId: undefined,
    eventId: undefined,
  };
  return { ...uncalled, getTask: async ({ taskId }) => ({ ...task, ...(taskId === "odd" && { tags }) }) };
}

describe("an answer that has no text", () => {
  const ring: Record<string, unknown> = {};
  ring["ring"] = ring;

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ["a number of a kind that JSON has not", { n: 1n }, "INTERNAL_SERVER_ERROR"],
    ["a value that holds itself", ring, "BAD_USER_INPUT"],
    [
      "a value that fails when it is read",
      {
        toJSON: () => {
          throw new Error("odd");
        },
      },
      "INTERNAL_SERVER_ERROR",
    ],
  ])("is an error, and others go on: %s", async (_what, tags, code) => {
    const logger = new RecordingLogger();
    const gateway = createGateway({ region: EMULATOR_REGION, client: createClient(tags), port: 0, logger });
    disposeAfterTest(async () => gateway.stop());
    const { url } = await gateway.start();
    const errors = [{ extensions: { code } }];
    const json = JSON.stringify({ query: `{ task(${keyArguments({ taskType: TYPE, taskId: "odd" })}) { tags } }` });
    for (const name of ["P", "S", "W"] as const) {
      expect(await transports[name](url, json)).toMatchObject({ errors, data: undefined });
    }
    expect((await transports.P(url, json)).status).toBe(code === "BAD_USER_INPUT" ? 400 : 500);
    const keys = ["odd", "even"].map((taskId) => ({ projectName: "immtest", taskType: TYPE, taskId }));
    const document = "subscription ($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys) { task { taskId tags } } }";
    const bySocket = await subscribe(connect(url), document, { keys }).rest();
    const bySse = (await (await subscribeBySse(url, document, { keys })).rest()).map(({ data }) => data);
    for (const events of [bySocket, bySse.slice(0, 2)]) {
      expect(events).toContainEqual({ data: { taskEvents: { task: { taskId: "even", tags: null } } } });
      expect(events).toContainEqual({
        errors: [expect.objectContaining({ extensions: expect.objectContaining({ code }) })],
      });
    }
  });
});
