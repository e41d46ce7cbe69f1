import { describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION, type Emulator } from "../../../src/emulator/emulator.js";
import { parseEndpoint } from "../../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../../src/imm/wire/openapi-client.js";
import { createGateway } from "../../../src/server/gateway.js";
import type { ImmClient } from "../../../src/imm/imm-client.js";
import { connectTo } from "../../support/emulator-imm-client.js";
import { eventually } from "../../support/eventually.js";
import { withTimePassing } from "../../support/manual-clock.js";
import { query, refusalsOf, USER_ERRORS, type QueryAnswer } from "../../support/query.js";
import { disposeAfterTest, QUICK_LIMITS, startGateway, type RunningGateway } from "../../support/start-gateway.js";

interface Created {
  readonly payload: {
    readonly isNew: boolean;
    readonly requestId: string | null;
    readonly eventId: string | null;
    readonly task: { readonly taskId: string; readonly status: string; readonly tags: Record<string, string> | null };
  } | null;
}

/** Of a type that takes tags. */
const moderation = { projectName: "immtest", sourceUri: "oss://b/a.jpg", userData: "mine", tags: { team: "web" } };
/** Of a type that takes none. */
const unpacking = { projectName: "immtest", sourceUri: "oss://b/a.zip", password: "s3cret" };

const SELECTION = `isNew requestId eventId task { taskId status tags } ${USER_ERRORS}`;

async function moderate(url: string, input: object): Promise<QueryAnswer<Created>> {
  const document = `mutation ($input: CreateImageModerationTaskInput!) { payload: createImageModerationTask(input: $input) { ${SELECTION} } }`;
  return query<Created>(url, document, { input });
}

async function unpack(url: string, input: object): Promise<QueryAnswer<Created>> {
  const document = `mutation ($input: CreateFileUncompressionTaskInput!) { payload: createFileUncompressionTask(input: $input) { ${SELECTION} } }`;
  return query<Created>(url, document, { input });
}

async function start(gateway: { readonly maxIdempotencyKeys?: number } = {}): Promise<RunningGateway> {
  return startGateway({ emulator: { createdTasks: () => ({ durationMs: Infinity }) }, gateway });
}

function actionsOf({ calls }: Emulator): readonly string[] {
  return calls.map(({ action }) => action);
}

function createsOf(emulator: Emulator): number {
  return actionsOf(emulator).filter((action) => action.startsWith("Create")).length;
}

const REUSED = { code: "IDEMPOTENCY_KEY_REUSED", argument: "input.idempotencyKey" };

const DAY_MS = 24 * 60 * 60 * 1_000;

describe.each([
  ["a type with tags", moderate, moderation],
  ["a type without tags", unpack, unpacking],
] as const)("an idempotency key, for %s", (_case, create, input) => {
  const keyed = { ...input, idempotencyKey: "key-1" };

  it("answers the first task again, and starts no other", async () => {
    const { url, emulator } = await start();
    const first = (await create(url, keyed)).data?.payload;
    const again = (await create(url, keyed)).data?.payload;
    expect(first?.isNew).toBe(true);
    expect(again).toEqual({ ...first, isNew: false });
    expect(createsOf(emulator)).toBe(1);
  });

  it("shows how the task stands by then", async () => {
    const { url, emulator, clock } = await start();
    const first = (await create(url, keyed)).data?.payload;
    emulator.finishTask(first?.task.taskId ?? "");
    await clock.advance(2_000);
    expect((await create(url, keyed)).data?.payload?.task).toMatchObject({ status: "SUCCEEDED" });
  });

  it("shows it as it started when it cannot be read by then", async () => {
    const { url, emulator, clock } = await start();
    const first = (await create(url, keyed)).data?.payload;
    await clock.advance(2_000);
    emulator.injectFault({ kind: "serverError", action: "GetTask" });
    const { data, errors } = await create(url, keyed);
    expect(errors).toEqual([]);
    expect(data?.payload).toEqual({ ...first, isNew: false });
  });

  it("is one create for all who come with it at the same time", async () => {
    const { url, emulator } = await start();
    const answers = await Promise.all(Array.from({ length: 10 }, async () => create(url, keyed)));
    const payloads = answers.map(({ data }) => data?.payload);
    expect(new Set(payloads.map((payload) => payload?.task.taskId)).size).toBe(1);
    expect(payloads.filter((payload) => payload?.isNew)).toHaveLength(1);
    expect(createsOf(emulator)).toBe(1);
  });

  it("is refused with another input, before any call", async () => {
    const { url, emulator } = await start();
    await create(url, keyed);
    emulator.clearCalls();
    expect(refusalsOf(await create(url, { ...keyed, userData: "other" }))).toMatchObject([REUSED]);
    expect(emulator.calls).toEqual([]);
  });

  it("takes an input for the same in whatever order its members stand, and with members that are null", async () => {
    const { url, emulator } = await start();
    await create(url, keyed);
    const reversed = Object.fromEntries(Object.entries(keyed).toReversed());
    expect((await create(url, { ...reversed, notification: null })).data?.payload?.isNew).toBe(false);
    expect(createsOf(emulator)).toBe(1);
  });

  it("holds for 24 hours", async () => {
    const { url, emulator, clock } = await start();
    await create(url, keyed);
    await clock.advance(DAY_MS - 1);
    expect((await create(url, keyed)).data?.payload?.isNew).toBe(false);
    await clock.advance(2);
    expect((await create(url, { ...keyed, userData: "other" })).data?.payload?.isNew).toBe(true);
    expect(createsOf(emulator)).toBe(2);
  });

  it("is free again after a create that certainly started nothing", async () => {
    const { url, emulator, clock } = await start();
    emulator.injectFault({ kind: "throttle", times: 100 });
    const refused = await withTimePassing(clock, create(url, keyed));
    expect(refused.errors).toMatchObject([{ extensions: { code: "UPSTREAM_THROTTLED" } }]);
    emulator.clearFaults();
    const { data } = await withTimePassing(clock, create(url, { ...keyed, userData: "other" }));
    expect(data?.payload?.isNew).toBe(true);
  });

  it("never leaves the gateway, nor does a secret of the input", async () => {
    const { url, emulator, logger } = await start();
    const { text } = await create(url, { ...input, idempotencyKey: "my-own-key" });
    expect(JSON.stringify([emulator.calls, logger]) + text).not.toContain("my-own-key");
    expect(JSON.stringify(logger) + text).not.toContain("s3cret");
  });
});

describe("a key whose create lost its answer, for a type with tags", () => {
  const keyed = { ...moderation, idempotencyKey: "key-1" };

  it("finds the task by its tag at once, and again by the key", async () => {
    const { url, emulator } = await start();
    emulator.injectFault({ kind: "answerLost", action: "CreateImageModerationTask", times: 1 });
    const { data, errors } = await moderate(url, keyed);
    expect(errors).toEqual([]);
    expect(data?.payload).toMatchObject({ isNew: true, requestId: null, task: { tags: { team: "web" } } });
    expect(actionsOf(emulator)).toEqual(["ListTasks", "CreateImageModerationTask", "ListTasks"]);
    const again = (await moderate(url, keyed)).data?.payload;
    expect(again).toMatchObject({ isNew: false, task: { taskId: data?.payload?.task.taskId } });
    expect(createsOf(emulator)).toBe(1);
  });

  it("says that it does not know when the lists fail as well, and finds the task when it is repeated", async () => {
    const { url, emulator, clock } = await start();
    emulator.injectFault({ kind: "answerLost", action: "CreateImageModerationTask", times: 1 });
    const lost = moderate(url, keyed);
    await eventually(() => emulator.calls.length === 2);
    emulator.injectFault({ kind: "throttle", action: "ListTasks" });
    expect(refusalsOf(await withTimePassing(clock, lost))).toMatchObject([{ code: "OUTCOME_UNKNOWN" }]);
    emulator.clearFaults();
    const found = await withTimePassing(clock, moderate(url, keyed));
    expect(found.data?.payload).toMatchObject({ isNew: false, task: { status: "RUNNING" } });
    expect(createsOf(emulator)).toBe(1);
  });

  it("is found behind pages that are empty", async () => {
    const { emulator, clock } = await start();
    const imm = await connectTo(emulator);
    const client: ImmClient = {
      getTask: async (request) => imm.getTask(request),
      getResult: async (request) => imm.getResult(request),
      createTask: async (request) => imm.createTask(request),
      listTasks: async ({ nextToken, ...request }) =>
        nextToken === "there" ? imm.listTasks(request) : { requestId: "1", tasks: [], nextToken: "there" },
    };
    const gateway = createGateway({ region: EMULATOR_REGION, port: 0, ...QUICK_LIMITS, client, clock });
    disposeAfterTest(async () => gateway.stop());
    const { url } = await gateway.start();
    emulator.injectFault({ kind: "answerLost", action: "CreateImageModerationTask", times: 1 });
    const { data } = await withTimePassing(clock, moderate(url, keyed));
    expect(data?.payload).toMatchObject({ isNew: true });
    expect(createsOf(emulator)).toBe(1);
  });

  it("starts nothing while the list in which its task may be has no end", async () => {
    const { emulator, clock } = await start();
    const imm = await connectTo(emulator);
    const client: ImmClient = {
      getTask: async (request) => imm.getTask(request),
      getResult: async (request) => imm.getResult(request),
      createTask: async (request) => imm.createTask(request),
      listTasks: async () => ({ requestId: "1", tasks: [], nextToken: "on" }),
    };
    const gateway = createGateway({ region: EMULATOR_REGION, port: 0, ...QUICK_LIMITS, client, clock });
    disposeAfterTest(async () => gateway.stop());
    const { url } = await gateway.start();
    const { errors } = await moderate(url, keyed);
    expect(errors).toMatchObject([{ extensions: { code: "UPSTREAM_INVALID_RESPONSE" } }]);
    expect(emulator.calls).toEqual([]);
  });

  it("starts no other task within a minute when no list shows one, and one after that", async () => {
    const { url, emulator, clock } = await start();
    // Nothing is done, but the gateway cannot know.
    emulator.injectFault({ kind: "reset", action: "CreateImageModerationTask", times: 1 });
    const lost = moderate(url, keyed);
    expect(refusalsOf(await withTimePassing(clock, lost))).toMatchObject([{ code: "OUTCOME_UNKNOWN" }]);
    const [refusal] = refusalsOf(await moderate(url, keyed));
    expect(refusal).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    const retryAfterMs = Number(refusal?.retryAfterMs);
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(createsOf(emulator)).toBe(1);
    await clock.advance(retryAfterMs);
    expect((await moderate(url, keyed)).data?.payload?.isNew).toBe(true);
    expect(createsOf(emulator)).toBe(2);
  });
});

describe("a key whose create lost its answer, for a type without tags", () => {
  const keyed = { ...unpacking, idempotencyKey: "key-1" };

  it("starts no other task, and says what is not known", async () => {
    const { url, emulator, clock } = await start();
    emulator.injectFault({ kind: "answerLost", action: "CreateFileUncompressionTask", times: 1 });
    const lost = await unpack(url, keyed);
    expect(refusalsOf(lost)).toMatchObject([{ code: "OUTCOME_UNKNOWN" }]);
    await clock.advance(DAY_MS / 2);
    const again = await unpack(url, keyed);
    expect(refusalsOf(again)).toMatchObject([
      { code: "OUTCOME_UNKNOWN", message: expect.stringContaining("List the project's tasks") },
    ]);
    expect(again.text).not.toContain("s3cret");
    expect(actionsOf(emulator)).toEqual(["CreateFileUncompressionTask"]);
    expect((await unpack(url, { ...keyed, idempotencyKey: "key-2" })).data?.payload?.isNew).toBe(true);
  });
});

describe("when there is room for one key", () => {
  it("one that is under way is not forgotten", async () => {
    const { url, emulator } = await start({ maxIdempotencyKeys: 1 });
    emulator.injectFault({ kind: "stall", action: "CreateFileUncompressionTask", times: 1 });
    const first = unpack(url, { ...unpacking, idempotencyKey: "key-1" });
    await eventually(() => emulator.calls.length === 1);
    const other = await unpack(url, { ...unpacking, idempotencyKey: "key-2" });
    expect(other.errors).toMatchObject([{ extensions: { code: "UPSTREAM_THROTTLED" } }]);
    expect(createsOf(emulator)).toBe(1);
    // Cuts the call that is stalled, which the gateway would wait for.
    await emulator.close();
    await first;
  });

  it("one whose answer was lost is not forgotten, and makes room after 24 hours", async () => {
    const { url, emulator, clock } = await start({ maxIdempotencyKeys: 1 });
    emulator.injectFault({ kind: "answerLost", action: "CreateFileUncompressionTask", times: 1 });
    await unpack(url, { ...unpacking, idempotencyKey: "key-1" });
    const other = { ...unpacking, idempotencyKey: "key-2" };
    expect((await unpack(url, other)).errors).toMatchObject([{ extensions: { code: "UPSTREAM_THROTTLED" } }]);
    const again = await unpack(url, { ...unpacking, idempotencyKey: "key-1" });
    expect(refusalsOf(again)).toMatchObject([{ code: "OUTCOME_UNKNOWN" }]);
    expect(createsOf(emulator)).toBe(1);
    await clock.advance(DAY_MS);
    expect((await unpack(url, other)).data?.payload?.isNew).toBe(true);
  });
});

describe("after a restart", () => {
  async function restarted({ emulator, clock }: RunningGateway): Promise<string> {
    const { openApi } = await createOpenApi({
      endpoint: parseEndpoint(emulator.url),
      accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
      userAgent: "test",
    });
    const gateway = createGateway({ region: EMULATOR_REGION, port: 0, ...QUICK_LIMITS, openApi, clock });
    disposeAfterTest(async () => gateway.stop());
    return (await gateway.start()).url;
  }

  it("the key finds its task by the tag, where the type takes tags", async () => {
    const running = await start();
    const keyed = { ...moderation, idempotencyKey: "key-1" };
    const first = (await moderate(running.url, keyed)).data?.payload;
    const url = await restarted(running);
    const again = await moderate(url, keyed);
    expect(again.data?.payload).toMatchObject({ isNew: false, task: { taskId: first?.task.taskId } });
    const other = await moderate(url, { ...keyed, userData: "other" });
    expect(refusalsOf(other)).toMatchObject([REUSED]);
    expect(createsOf(running.emulator)).toBe(1);
  });

  it("a task of another key or another day is not taken for it", async () => {
    const running = await start();
    const keyed = { ...moderation, idempotencyKey: "key-1" };
    await moderate(running.url, keyed);
    const url = await restarted(running);
    expect((await moderate(url, { ...keyed, idempotencyKey: "key-2" })).data?.payload?.isNew).toBe(true);
    await running.clock.advance(DAY_MS + 1);
    expect((await moderate(url, keyed)).data?.payload?.isNew).toBe(true);
    expect(createsOf(running.emulator)).toBe(3);
  });
});

describe("the tags of a key", () => {
  it("are two digests beside the client's own tags, and only the gateway sets them", async () => {
    const { url, emulator } = await start();
    await moderate(url, { ...moderation, idempotencyKey: "key-1" });
    const { parameters } = emulator.calls.find(({ action }) => action === "CreateImageModerationTask") ?? {};
    expect(JSON.parse(parameters?.["Tags"] ?? "")).toEqual({
      team: "web",
      "imm-graphql-idempotency": expect.stringMatching(/^[0-9a-f]{32}$/),
      "imm-graphql-input": expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    emulator.clearCalls();
    const own = { ...moderation, tags: { "imm-graphql-idempotency": "x" } };
    expect(refusalsOf(await moderate(url, own))).toMatchObject([{ code: "INVALID_INPUT", argument: "input.tags" }]);
    expect(emulator.calls).toEqual([]);
  });

  it("are not there without a key", async () => {
    const { url, emulator } = await start();
    await moderate(url, moderation);
    expect(emulator.calls.map(({ parameters }) => parameters["Tags"])).toEqual(['{"team":"web"}']);
  });
});

describe("the memory of keys", () => {
  it("is bounded: the least recently used is forgotten", async () => {
    const { url, emulator } = await start({ maxIdempotencyKeys: 1 });
    await unpack(url, { ...unpacking, idempotencyKey: "key-1" });
    await unpack(url, { ...unpacking, idempotencyKey: "key-2" });
    await unpack(url, { ...unpacking, idempotencyKey: "key-1" });
    expect(createsOf(emulator)).toBe(3);
  });
});
