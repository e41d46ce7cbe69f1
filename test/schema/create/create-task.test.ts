import { describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION, type ReceivedCall } from "../../../src/emulator/emulator.js";
import {
  createOperations,
  mutationNameOf,
  type CreateAction,
  type CreateOperation,
} from "../../../src/imm/operations/operations.js";
import type { ImmClient } from "../../../src/imm/imm-client.js";
import { fromRefusal } from "../../../src/imm/wire/upstream-errors.js";
import { schemaInputOf, type InputField, type InputStructure } from "../../../src/imm/wire/create-inputs.js";
import { createGateway } from "../../../src/server/gateway.js";
import { createActions, TWO_VARIANTS, encodeInput, exampleInput } from "../../support/example-input.js";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { withTimePassing } from "../../support/manual-clock.js";
import { keyArguments, query, refusalsOf, USER_ERRORS, type QueryAnswer } from "../../support/query.js";
import { disposeAfterTest, startGateway, type RunningGateway, type StartOptions } from "../../support/start-gateway.js";
import { connect, subscribe } from "../../support/subscribe.js";
import { uncalled } from "../../support/uncalled.js";

interface Payload {
  readonly task: {
    readonly id: string;
    readonly projectName: string;
    readonly taskType: string;
    readonly taskId: string;
    readonly status: string;
  };
  readonly requestId: string | null;
  readonly eventId: string | null;
  readonly isNew: boolean;
}

interface Created {
  readonly payload: Payload | null;
}

const WHOLE_PAYLOAD = `task { id projectName taskType taskId status } requestId eventId isNew ${USER_ERRORS}`;

const FOREVER = { createdTasks: () => ({ durationMs: Infinity }) };

async function start(options: StartOptions = {}): Promise<RunningGateway> {
  return startGateway({
    ...options,
    emulator: { projects: ["immtest", "example-project"], ...FOREVER, ...options.emulator },
    gateway: { ...EVERY_SECOND, ...options.gateway },
  });
}

function mutationOf(action: CreateAction, selection = WHOLE_PAYLOAD): string {
  const field = mutationNameOf(createOperations[action]);
  const input = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
  return `mutation ($input: ${input}!) { payload: ${field}(input: $input) { ${selection} } }`;
}

async function create(
  { url }: RunningGateway,
  action: CreateAction,
  input: object,
  selection?: string,
): Promise<QueryAnswer<Created>> {
  return query<Created>(url, mutationOf(action, selection), { input });
}

function callsOf(calls: readonly ReceivedCall[], action: string): readonly ReceivedCall[] {
  return calls.filter((call) => call.action === action);
}

const everyInput = createActions.flatMap((action) => TWO_VARIANTS.map((variant) => [action, variant] as const));

describe("each create", () => {
  it.each(everyInput)("%s, example %i: arrives in full, in its place, and runs to its end", async (action, variant) => {
    const running = await start();
    const { url, emulator } = running;
    const operation: CreateOperation = createOperations[action];
    const input = exampleInput(action, variant);
    const { data, errors } = await create(running, action, input);
    expect(errors).toEqual([]);
    const payload = data?.payload;
    expect(payload).toEqual({
      task: {
        id: expect.any(String),
        projectName: "example-project",
        taskType: operation.taskType,
        taskId: expect.any(String),
        status: "RUNNING",
      },
      requestId: expect.any(String),
      eventId: expect.any(String),
      isNew: true,
      userErrors: [],
    });
    // The emulator refuses a parameter that travels in the other place.
    const { query: inQuery, body } = encodeInput(action, input);
    expect(emulator.calls).toMatchObject([{ action, parameters: { ...inQuery, ...body }, status: 200 }]);
    expect(Object.keys(emulator.calls[0]?.parameters ?? {})).toHaveLength(Object.keys({ ...inQuery, ...body }).length);

    const { taskId = "" } = payload?.task ?? {};
    const stream = subscribe<{ taskProgress: { id: string; status: string } }>(
      connect(url),
      `subscription { taskProgress(${keyArguments({ projectName: "example-project", taskType: operation.taskType, taskId })}) { id status } }`,
    );
    expect(await stream.next()).toEqual({ data: { taskProgress: { id: payload?.task.id, status: "RUNNING" } } });
    emulator.finishTask(taskId);
    await nextPoll(running);
    expect(await stream.rest()).toEqual([{ data: { taskProgress: { id: payload?.task.id, status: "SUCCEEDED" } } }]);
  });

  it.each(createActions)("%s names each required member that is missing, and asks nothing of IMM", async (action) => {
    const running = await start();
    const full = exampleInput(action, 0);
    const required = schemaInputOf(createOperations[action]).fields.filter(({ isRequired }) => isRequired);
    expect(required.length).toBeGreaterThan(0);
    for (const { name, member } of required) {
      const argument = `input.${name}`;
      for (const value of [undefined, null, ...(member.type === "string" ? [""] : [])]) {
        const [refusal, ...others] = refusalsOf(await create(running, action, { ...full, [name]: value }));
        expect(others).toEqual([]);
        // What GraphQL's types say is an error of the request.
        expect(refusal).toMatchObject({ code: expect.stringMatching(/^(BAD_USER|INVALID)_INPUT$/), argument });
        expect(refusal?.message).toMatch(new RegExp(`^Expected \`${argument}\` to be `));
      }
    }
    expect(running.emulator.calls).toEqual([]);
  });

  it.each(createActions)(
    "%s names each member that is out of its range, however deep, and asks nothing",
    async (action) => {
      const running = await start();
      const tried = new Set<string>();
      for (const variant of TWO_VARIANTS) {
        const structure = schemaInputOf(createOperations[action]);
        for (const { path, input } of inputsOutOfRange(structure, exampleInput(action, variant), "input")) {
          if (tried.has(path)) continue;
          tried.add(path);
          expect(refusalsOf(await create(running, action, input))).toMatchObject([
            { code: "INVALID_INPUT", argument: path, message: expect.stringContaining(`Expected \`${path}\` to be `) },
          ]);
        }
      }
      expect(running.emulator.calls).toEqual([]);
    },
    60_000,
  );
});

/** Copies of an input, each with one number or text that is too much for the table. */
function inputsOutOfRange(
  { fields }: InputStructure,
  input: Readonly<Record<string, unknown>>,
  path: string,
): { readonly path: string; readonly input: Record<string, unknown> }[] {
  return fields.flatMap((field) => {
    const { name } = field;
    if (input[name] === undefined) return [];
    return wrongValues(field, input[name], `${path}.${name}`).map(({ path, value }) => ({
      path,
      input: { ...input, [name]: value },
    }));
  });
}

function wrongValues(
  { member, form, inner }: InputField,
  value: unknown,
  path: string,
): { readonly path: string; readonly value: unknown }[] {
  const { range, atLeast, maxBytes, maxLength, maxItems } = member;
  if (form === "length") return [{ path, value: { ratio: 1.5 } }];
  if (range !== undefined) return [{ path, value: range.max + 1 }];
  if (atLeast !== undefined) return [{ path, value: atLeast - 1 }];
  if (maxBytes !== undefined) return [{ path, value: "x".repeat(maxBytes + 1) }];
  if (maxLength !== undefined) return [{ path, value: "x".repeat(maxLength + 1) }];
  if (!Array.isArray(value)) {
    const wrong = inner === undefined ? [] : inputsOutOfRange(inner, value as Record<string, unknown>, path);
    return wrong.map(({ path, input }) => ({ path, value: input }));
  }
  const [first] = value as readonly unknown[];
  // The last of them, so that the index shows.
  const index = value.length - 1;
  const before = value.slice(0, index) as readonly unknown[];
  const wrong =
    inner === undefined ? [] : inputsOutOfRange(inner, first as Record<string, unknown>, `${path}[${index}]`);
  return [
    ...wrong.map(({ path, input }) => ({ path, value: [...before, input] })),
    ...(maxItems === undefined ? [] : [{ path, value: Array(maxItems + 1).fill(first) }]),
  ];
}

const compression = { projectName: "immtest", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/t.zip" };

describe("the input of a create", () => {
  it.each([
    [{}, "input.sources", "given, or `sourceManifestUri` instead"],
    [{ sources: [] }, "input.sources", "given, or `sourceManifestUri` instead"],
    [{ sources: [], sourceManifestUri: "oss://b/rules.json" }, "input.sourceManifestUri", "omitted beside `sources`"],
  ])("holds exactly one of two members where IMM says so: %j", async (members, argument, expected) => {
    const running = await start();
    const { projectName, targetUri } = compression;
    const answer = await create(running, "CreateFileCompressionTask", { projectName, targetUri, ...members });
    expect(answer).toMatchObject({ errors: [], data: { payload: { task: null, isNew: null, requestId: null } } });
    expect(refusalsOf(answer)).toMatchObject([
      { message: `Expected \`${argument}\` to be ${expected}.`, code: "INVALID_INPUT", argument },
    ]);
    expect(running.emulator.calls).toEqual([]);
  });

  it.each([
    [{ sources: [{ uri: "b/a" }] }, "input.sources[0].uri"],
    [{ sourceManifestUri: "https://b/a" }, "input.sourceManifestUri"],
  ])("names an OSS URI that is none, as an error of the request: %j", async (members, argument) => {
    const running = await start();
    const { projectName, targetUri } = compression;
    const answer = await create(running, "CreateFileCompressionTask", { projectName, targetUri, ...members });
    const message = `Expected \`${argument}\` to be an OSS URI, such as oss://bucket/object.`;
    expect(refusalsOf(answer)).toMatchObject([{ message, code: "BAD_USER_INPUT", argument }]);
    expect(running.emulator.calls).toEqual([]);
  });

  it.each([
    ["a member that is not there", { ...compression, targetURI: "x" }, "BAD_USER_INPUT", "input.targetURI"],
    [
      "a value of another type",
      { ...compression, sources: [{ uri: "oss://b/a" }, { uri: 7 }] },
      "BAD_USER_INPUT",
      "input.sources[1].uri",
    ],
    ["a project that is no name", { ...compression, projectName: " " }, "INVALID_INPUT", "input.projectName"],
    [
      "an idempotency key that is empty",
      { ...compression, idempotencyKey: "" },
      "INVALID_INPUT",
      "input.idempotencyKey",
    ],
    ["no object at all", "everything", "BAD_USER_INPUT", "input"],
  ])("with %s is refused by its name, and its values are not repeated", async (_case, input, code, argument) => {
    const running = await start();
    const secret = typeof input === "object" ? { ...input, userData: "s3cret" } : input;
    const answer = await create(running, "CreateFileCompressionTask", secret as object);
    const { text } = answer;
    expect(refusalsOf(answer)).toMatchObject([{ code, argument }]);
    expect(text).not.toContain("s3cret");
    expect(text).not.toContain("everything");
    expect(running.emulator.calls).toEqual([]);
  });

  it("may hold words that the table does not know", async () => {
    const running = await start();
    const { errors } = await create(running, "CreateFileCompressionTask", { ...compression, compressedFormat: "7z" });
    expect(errors).toEqual([]);
    expect(running.emulator.calls).toMatchObject([{ parameters: { CompressedFormat: "7z" } }]);
  });
});

/** What IMM's documents allow by their flags, and would be started and paid for. */
describe("an input that asks for nothing sensible is refused before any call", () => {
  const target = { projectName: "immtest", targetUri: "oss://b/t" };
  const moderated = { projectName: "immtest", sourceUri: "oss://b/a.jpg" };
  const medium = { uri: "oss://b/t.mp4", container: "mp4" };
  const converted = { projectName: "immtest", sources: [{ uri: "oss://b/a.mov" }], targets: [medium] };

  it.each<[action: CreateAction, input: object, argument: string]>([
    ["CreateFileCompressionTask", { ...target, sources: [{}] }, "input.sources[0].uri"],
    ["CreateMediaConvertTask", { ...converted, sources: [{}] }, "input.sources[0].uri"],
    ["CreateMediaConvertTask", { ...converted, targets: [{}] }, "input.targets[0].uri"],
    ["CreateMediaConvertTask", { ...converted, targets: [], targetGroups: [{}] }, "input.targetGroups[0].uri"],
    ["CreateMediaConvertTask", { ...converted, targets: [{ image: {} }] }, "input.targets[0].image.snapshots"],
    ["CreateOfficeConversionTask", { ...target, sourceUri: "oss://b/a", targetType: "pdff" }, "input.targetType"],
    ["CreateOfficeConversionTask", { ...target, targetType: "PDF" }, "input.sourceUri"],
    ["CreateImageSplicingTask", { ...target, sources: [{ uri: "oss://b/a" }], direction: "up" }, "input.direction"],
    ["CreateFacesSearchingTask", { projectName: "immtest", datasetName: "d" }, "input.sources"],
    ["CreateArchiveFileInspectionTask", { projectName: "immtest" }, "input.sourceUri"],
    ["CreateDecodeBlindWatermarkTask", { ...moderated, strengthLevel: "extreme" }, "input.strengthLevel"],
    ["CreateImageModerationTask", { ...moderated, maxFrames: -5 }, "input.maxFrames"],
    ["CreateImageModerationTask", { ...moderated, notification: {} }, "input.notification.mns"],
    ["CreateImageModerationTask", { ...moderated, notification: { mns: {} } }, "input.notification.mns.topicName"],
    [
      "CreateImageModerationTask",
      { ...moderated, credentialConfig: { chain: [{}] } },
      "input.credentialConfig.chain[0].role",
    ],
    [
      "CreateStory",
      { projectName: "immtest", datasetName: "d", type: "TIME_MEMORY", startTime: "yesterday" },
      "input.startTime",
    ],
  ])("%s %j", async (action, input, argument) => {
    const running = await start();
    // What GraphQL's types say is an error of the request.
    expect(refusalsOf(await create(running, action, input))).toMatchObject([
      { code: expect.stringMatching(/^(BAD_USER|INVALID)_INPUT$/), argument },
    ]);
    expect(running.emulator.calls).toEqual([]);
  });

  it("names what a length is, and what a value beside it excludes", async () => {
    const running = await start();
    const sized = (width: object): object => ({
      ...converted,
      targets: [{ image: { snapshots: [{ uri: "oss://b/s", format: "jpg", width }] } }],
    });
    const path = "input.targets[0].image.snapshots[0].width";
    for (const width of [{}, { pixels: 1, ratio: 1 }, { pixels: null }]) {
      const { errors } = await create(running, "CreateMediaConvertTask", sized(width));
      expect(errors).toMatchObject([{ message: `Expected \`${path}\` to be given by exactly one of pixels, ratio.` }]);
    }
    const document = { ...target, sourceUri: "oss://b/a", targetType: "PDF", images: { dpi: 96 } };
    expect(refusalsOf(await create(running, "CreateOfficeConversionTask", document))).toMatchObject([
      { message: "Expected `input.images.dpi` to be omitted unless `targetType` is PNG or JPG." },
    ]);
    expect(running.emulator.calls).toEqual([]);
  });

  it("sends one pixel and the whole width as different numbers", async () => {
    const running = await start();
    const delogos = [{ width: { pixels: 1 }, height: { ratio: 1 } }];
    const targets = [{ ...medium, video: { filter: { delogos } } }];
    const { errors } = await create(running, "CreateMediaConvertTask", { ...converted, targets });
    expect(errors).toEqual([]);
    expect(running.emulator.calls[0]?.parameters["Targets"]).toContain('"Delogos":[{"Width":1,"Height":1.0}]');
  });
});

describe("the task of a payload", () => {
  const PLAIN =
    "task { id status isDone userData userDataJson tags eventId requestId observedAt code message error { code } endTime pollAfterMs }";
  const moderation = {
    projectName: "immtest",
    sourceUri: "oss://b/a.jpg",
    userData: '{"a":1}',
    tags: { team: "web" },
  };

  it("is told from the create alone where that says enough", async () => {
    const running = await start();
    const { data, errors } = await create(
      running,
      "CreateImageModerationTask",
      moderation,
      `${PLAIN} eventId requestId`,
    );
    expect(errors).toEqual([]);
    const payload = data?.payload;
    expect(payload?.task).toMatchObject({
      status: "RUNNING",
      isDone: false,
      userData: '{"a":1}',
      userDataJson: { a: 1 },
      tags: { team: "web" },
      eventId: payload?.eventId,
      requestId: payload?.requestId,
      endTime: null,
      error: null,
    });
    expect(running.emulator.calls.map(({ action }) => action)).toEqual(["CreateImageModerationTask"]);
  });

  it("is read, once, where a field is selected that the create does not tell", async () => {
    const running = await start();
    const selection = `task { startTime elapsedMs expiresAt progress again: progress requestDefinition requestDefinitionText }`;
    const { data, errors } = await create(running, "CreateFileCompressionTask", compression, selection);
    expect(errors).toEqual([]);
    expect(data?.payload?.task).toMatchObject({
      startTime: expect.any(String),
      elapsedMs: 0,
      expiresAt: expect.any(String),
      progress: 0,
      again: 0,
      requestDefinition: { TargetURI: "oss://b/t.zip" },
      requestDefinitionText: expect.stringContaining("oss://b/t.zip"),
    });
    const actions = running.emulator.calls.map(({ action }) => action);
    expect(actions).toEqual(["CreateFileCompressionTask", "GetTask", "ListTasks"]);
  });

  it("keeps its id when that read fails: the error stands at the fields", async () => {
    const running = await start({ gateway: { maxRetries: 0 } });
    running.emulator.injectFault({ kind: "serverError", action: "GetTask" });
    const { data, errors } = await create(
      running,
      "CreateFileCompressionTask",
      compression,
      "task { taskId status startTime requestDefinition } requestId",
    );
    expect(data?.payload).toMatchObject({
      task: { taskId: expect.stringMatching(/^FileCompression-/), status: "RUNNING", startTime: null },
      requestId: expect.any(String),
    });
    expect(errors.map(({ path, extensions }) => [path?.join("."), extensions["code"]])).toEqual([
      ["payload.task.startTime", "UPSTREAM_UNAVAILABLE"],
      ["payload.task.requestDefinition", "UPSTREAM_UNAVAILABLE"],
    ]);
  });

  it("is the one that a query finds right after it", async () => {
    const running = await start();
    const { data } = await create(running, "CreateImageModerationTask", moderation);
    const { taskId = "", id } = data?.payload?.task ?? {};
    const found = await query(
      running.url,
      `{ task(${keyArguments({ taskType: "ImageModeration", taskId })}) { id status startTime eventId tags } }`,
    );
    expect(found.data).toEqual({
      task: {
        id,
        status: "RUNNING",
        startTime: expect.any(String),
        eventId: data?.payload?.eventId,
        tags: { team: "web" },
      },
    });
  });
});

describe("several creates in one operation", () => {
  const input = '{ projectName: "immtest", sourceUri: "oss://b/a.jpg" }';
  const aliased = (count: number): string =>
    Array.from(
      { length: count },
      (_, index) => `c${index}: createImageModerationTask(input: ${input}) { task { taskId } }`,
    ).join(" ");

  it("run one after the other, and one that fails takes nothing from the others", async () => {
    const { url, emulator } = await start();
    const { data, errors } = await query(
      url,
      `mutation { ${aliased(1)} bad: createImageModerationTask(input: { projectName: "nowhere", sourceUri: "oss://b/x" }) { task { id } ${USER_ERRORS} } last: createImageModerationTask(input: ${input}) { task { taskId } } }`,
    );
    expect(data).toEqual({
      c0: { task: { taskId: expect.any(String) } },
      bad: {
        task: null,
        userErrors: [
          {
            code: "PROJECT_NOT_FOUND",
            message: "IMM knows no such project in this region.",
            path: ["input", "projectName"],
            retryAfterMs: null,
          },
        ],
      },
      last: { task: { taskId: expect.any(String) } },
    });
    expect(errors).toEqual([]);
    expect(emulator.calls).toHaveLength(3);
    expect(emulator.maxConcurrentCalls).toBe(1);
  });

  it("are refused as a whole when they are too many, also through fragments", async () => {
    const { url, emulator } = await start({ gateway: { maxCreatesPerOperation: 3 } });
    expect((await query(url, `mutation { ${aliased(3)} }`)).errors).toEqual([]);
    expect((await query(url, `mutation { __typename kind: __typename ${aliased(3)} }`)).errors).toEqual([]);
    emulator.clearCalls();
    for (const document of [
      `mutation { ${aliased(4)} }`,
      `mutation { ...F last: createImageModerationTask(input: ${input}) { isNew } } fragment F on Mutation { ${aliased(3)} }`,
    ]) {
      const { status, errors } = await query(url, document);
      expect(status).toBe(400);
      expect(errors).toMatchObject([
        { message: "Expected an operation of at most 3 mutations.", extensions: { code: "BAD_USER_INPUT" } },
      ]);
    }
    expect(emulator.calls).toEqual([]);
  });
});

describe("a create that fails", () => {
  it.each(["answerLost", "serverError", "notJson", "truncated"] as const)(
    "by %s is not repeated, and says that a task may have been started",
    async (kind) => {
      const running = await start();
      running.emulator.injectFault({ kind, action: "CreateFileCompressionTask" });
      const answer = await create(running, "CreateFileCompressionTask", compression);
      expect(answer).toMatchObject({ errors: [], data: { payload: { task: null, isNew: null, eventId: null } } });
      expect(refusalsOf(answer)).toMatchObject([{ code: "OUTCOME_UNKNOWN" }]);
      expect(running.emulator.calls).toHaveLength(1);
    },
  );

  it("by throttling is repeated, since nothing was started", async () => {
    const running = await start();
    running.emulator.injectFault({ kind: "throttle", action: "CreateFileCompressionTask", times: 2 });
    const { errors } = await withTimePassing(running.clock, create(running, "CreateFileCompressionTask", compression));
    expect(errors).toEqual([]);
    expect(callsOf(running.emulator.calls, "CreateFileCompressionTask")).toHaveLength(3);
  });

  it("by a refusal says why, and not that a task may run", async () => {
    const running = await start();
    const answer = await create(running, "CreateFileCompressionTask", { ...compression, projectName: "nowhere" });
    expect(refusalsOf(answer)).toMatchObject([{ code: "PROJECT_NOT_FOUND", argument: "input.projectName" }]);
    // IMM's, for its support.
    expect(answer.data?.payload?.requestId).toEqual(expect.any(String));
  });

  it("never shows a password, nor does the log", async () => {
    const running = await start({ gateway: { maxRetries: 0 } });
    const input = { projectName: "immtest", sourceUri: "oss://b/a.zip", password: "s3cret" };
    for (const kind of ["answerLost", "serverError", "notJson", "throttle"] as const) {
      running.emulator.injectFault({ kind, action: "CreateFileUncompressionTask", times: 1 });
      const answer = await withTimePassing(running.clock, create(running, "CreateFileUncompressionTask", input));
      expect(refusalsOf(answer)).toHaveLength(1);
      expect(answer.text).not.toContain("s3cret");
    }
    const selection = "task { requestDefinition requestDefinitionText }";
    const { data, text } = await withTimePassing(
      running.clock,
      create(running, "CreateFileUncompressionTask", input, selection),
    );
    expect(data?.payload?.task).toMatchObject({ requestDefinition: { Password: "[redacted]" } });
    expect(text).not.toContain("s3cret");
    expect(JSON.stringify(running.logger)).not.toContain("s3cret");
  });
});

describe("what IMM refuses of an input", () => {
  it("is named as the client has given it", async () => {
    const refusal = { httpStatus: 400, message: null, requestId: null, retryAfterMs: undefined };
    const client: ImmClient = {
      ...uncalled,
      createTask: async () => {
        throw fromRefusal({ ...refusal, code: "InvalidSourceURI" });
      },
    };
    const gateway = createGateway({ region: EMULATOR_REGION, port: 0, client });
    disposeAfterTest(async () => gateway.stop());
    const input = { projectName: "immtest", sourceUri: "oss://b/a.jpg" };
    const { url } = await gateway.start();
    expect(refusalsOf(await query(url, mutationOf("CreateImageModerationTask"), { input }))).toMatchObject([
      {
        message: "IMM refused `input.sourceUri` (InvalidSourceURI).",
        code: "INVALID_INPUT",
        argument: "input.sourceUri",
      },
    ]);
  });
});
