import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import OpenApiCore from "@alicloud/openapi-core";
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { EMULATOR_REGION, startEmulator, type Emulator, type EmulatorOptions } from "../../../src/emulator/emulator.js";
import {
  BadUserInputError,
  ConfigurationError,
  ForbiddenError,
  GatewayError,
  NotFoundError,
  UpstreamInvalidResponseError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
} from "../../../src/errors.js";
import { parseEndpoint } from "../../../src/imm/wire/endpoints.js";
import type { ImmClient } from "../../../src/imm/imm-client.js";
import {
  createOpenApi,
  OpenApiImmClient,
  type AccessKey,
  type ModuleLoader,
  type OpenApi,
} from "../../../src/imm/wire/openapi-client.js";
import { createGateway } from "../../../src/server/gateway.js";
import { keyArguments, query } from "../../support/query.js";

type ErrorClass = new (...parameters: never[]) => GatewayError;

// Texts that an error must never hold: the key pair, and what stands in the query.
const accessKey = { accessKeyId: "LTAI5tUnitTestKeyId", accessKeySecret: "UnitTestKeySecret" } satisfies AccessKey;
const request = { projectName: "secret-project", taskType: "FileCompression", taskId: "secret-task" } as const;
const secrets = [
  accessKey.accessKeyId,
  accessKey.accessKeySecret,
  request.projectName,
  request.taskId,
  "hunter2",
  "UserData",
];

const task = {
  RequestId: "R-1",
  ProjectName: request.projectName,
  TaskType: request.taskType,
  TaskId: request.taskId,
  Status: "Running",
};

const disposals: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose();
});

/** Answers as Node does where a package is not installed. */
const notInstalled: ModuleLoader = (name) => Promise.reject(moduleNotFound(name));

function moduleNotFound(name: string): Error {
  const message = `Cannot find package '${name}' imported from /app/dist/src/imm/openapi-client.js`;
  return Object.assign(new Error(message), { code: "ERR_MODULE_NOT_FOUND" });
}

interface ClientOptions {
  readonly accessKey?: AccessKey;
  readonly callTimeoutMs?: number;
}

async function clientOf(url: string, options: ClientOptions = {}): Promise<OpenApiImmClient> {
  const { openApi } = await createOpenApi(
    { endpoint: parseEndpoint(url), accessKey: options.accessKey ?? accessKey, userAgent: "imm-graphql/test" },
    notInstalled,
  );
  return new OpenApiImmClient({ openApi, callTimeoutMs: options.callTimeoutMs ?? 5_000 });
}

async function emulate(options: EmulatorOptions = {}): Promise<Emulator> {
  const emulator = await startEmulator({ ...accessKey, projects: [request.projectName], ...options });
  disposals.push(async () => emulator.close());
  return emulator;
}

interface RawRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** A server that answers every request by `answer`, and tells what it was asked. */
async function serveRaw(
  answer: (response: ServerResponse, request: RawRequest) => void,
): Promise<{ readonly url: string; readonly requests: readonly RawRequest[] }> {
  const requests: RawRequest[] = [];
  const server = createServer((incoming, response) => {
    const received = { url: incoming.url ?? "", headers: incoming.headers };
    requests.push(received);
    answer(response, received);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  disposals.push(
    async () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** A server that answers every request with this status and body. */
async function serveBody(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ReturnType<typeof serveRaw> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return serveRaw((response) => response.writeHead(status, headers).end(text));
}

/** The error that a call must end with. */
async function errorOf(call: Promise<unknown>): Promise<GatewayError> {
  const outcome = await call.then(
    (value) => new Error(`Expected an error, got ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (outcome instanceof GatewayError) return outcome;
  throw outcome;
}

/** Everything that a log or a client could see of an error. */
function visibleText(error: GatewayError): string {
  const shown = inspect(error, { depth: 5, showHidden: true });
  return [error.message, JSON.stringify(error.toExtensions()), shown, error.stack].join("\n");
}

function expectNoLeak(error: GatewayError): void {
  const text = visibleText(error);
  for (const secret of secrets) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/https?:|127\.0\.0\.1|[?&]\w+=|%22|'undefined'|"undefined"/);
}

describe("against the emulator", () => {
  let emulator: Emulator;
  let client: OpenApiImmClient;

  beforeEach(async () => {
    emulator = await emulate();
    client = await clientOf(emulator.url);
  });

  it("reads a task with everything that GetTask has", async () => {
    emulator.addTask({ ...request, userData: '{"é":1}', tags: { team: "video" }, requestDefinition: "{}" });
    emulator.failTask(request.taskId, "InvalidSource", "No such object.");
    expect(await client.getTask({ ...request, requestDefinition: true })).toEqual({
      status: "Failed",
      progress: undefined,
      code: "InvalidSource",
      message: "No such object.",
      startTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      endTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      userData: '{"é":1}',
      tags: { team: "video" },
      taskRequestDefinition: "{}",
      requestId: expect.any(String),
      eventId: expect.any(String),
    });
  });

  it("asks for the request definition only when it is wanted", async () => {
    emulator.addTask({ ...request });
    await client.getTask(request);
    await client.getTask({ ...request, requestDefinition: false });
    await client.getTask({ ...request, requestDefinition: true });
    await client.listTasks({ projectName: request.projectName });
    await client.listTasks({ projectName: request.projectName, requestDefinition: false });
    await client.listTasks({ projectName: request.projectName, requestDefinition: true });
    const key = { ProjectName: request.projectName, TaskType: request.taskType, TaskId: request.taskId };
    const project = { ProjectName: request.projectName };
    expect(emulator.calls.map(({ action, parameters }) => [action, parameters])).toEqual([
      ["GetTask", key],
      ["GetTask", key],
      ["GetTask", { ...key, RequestDefinition: "true" }],
      ["ListTasks", project],
      ["ListTasks", project],
      ["ListTasks", { ...project, RequestDefinition: "true" }],
    ]);
  });

  it("sends every filter of ListTasks in its wire form", async () => {
    await client.listTasks({
      projectName: request.projectName,
      taskTypes: ["FileCompression", "MediaConvert"],
      status: "Running",
      startTimeRange: { start: "2026-01-01T00:00:00Z", end: "2026-01-02T00:00:00Z" },
      endTimeRange: { end: "2026-01-03T00:00:00Z" },
      tagSelector: "a=b",
      sort: "StartTime",
      order: "desc",
      maxResults: 7,
    });
    expect(emulator.calls.map(({ parameters }) => parameters)).toEqual([
      {
        ProjectName: request.projectName,
        TaskTypes: '["FileCompression","MediaConvert"]',
        Status: "Running",
        StartTimeRange: '{"Start":"2026-01-01T00:00:00Z","End":"2026-01-02T00:00:00Z"}',
        EndTimeRange: '{"End":"2026-01-03T00:00:00Z"}',
        TagSelector: "a=b",
        Sort: "StartTime",
        Order: "desc",
        MaxResults: "7",
      },
    ]);
    expect(emulator.calls.map(({ status }) => status)).toEqual([200]);
  });

  it("pages through the tasks, and has no token after the last page", async () => {
    for (const taskId of ["a", "b", "c"]) emulator.addTask({ ...request, taskId });
    const first = await client.listTasks({ projectName: request.projectName, maxResults: 2 });
    expect(first.tasks.map(({ taskId, taskType, progress }) => [taskId, taskType, progress])).toEqual([
      ["a", "FileCompression", expect.any(Number)],
      ["b", "FileCompression", expect.any(Number)],
    ]);
    expect(first.requestId).toEqual(expect.any(String));
    const nextToken = first.nextToken ?? "";
    const second = await client.listTasks({ projectName: request.projectName, maxResults: 2, nextToken });
    expect(second.tasks.map(({ taskId }) => taskId)).toEqual(["c"]);
    expect(second.nextToken).toBeUndefined();
    expect(emulator.calls.map(({ parameters }) => parameters["NextToken"])).toEqual([undefined, nextToken]);
  });

  it("carries any text in a parameter unchanged", async () => {
    const taskId = "1*a(b)!'~+ %&=é\n日本";
    emulator.addTask({ ...request, taskId });
    expect(await client.getTask({ ...request, taskId })).toMatchObject({ status: "Running" });
    expect(emulator.calls.map(({ parameters }) => parameters["TaskId"])).toEqual([taskId]);
  });

  it("signs with a temporary key and its token", async () => {
    const guarded = await emulate({ securityToken: "tok+en/==" });
    guarded.addTask({ ...request });
    const temporary = await clientOf(guarded.url, { accessKey: { ...accessKey, securityToken: "tok+en/==" } });
    expect(await temporary.getTask(request)).toMatchObject({ status: "Running" });
    expect(guarded.calls.map(({ accessKeyId }) => accessKeyId)).toEqual([accessKey.accessKeyId]);
  });

  it("tells an unknown task from an unknown project", async () => {
    const noTask = await errorOf(client.getTask(request));
    const noProject = await errorOf(client.getTask({ ...request, projectName: "nowhere" }));
    expect([noTask, noProject].map((error) => error.constructor)).toEqual([NotFoundError, NotFoundError]);
    expect(noTask.message).toContain("IMM knows no such task");
    expect(noProject.message).toBe("IMM knows no such project in this region.");
    expect(noTask.toExtensions()).toEqual({
      code: "NOT_FOUND",
      imm: { code: "ResourceNotFound", requestId: expect.stringMatching(/^[0-9A-F-]{36}$/) },
    });
    for (const error of [noTask, noProject]) expectNoLeak(error);
    expect(emulator.calls).toHaveLength(2);
  });

  it.each<[argument: string, code: string, call: (client: ImmClient) => Promise<unknown>]>([
    ["taskId", "MissingTaskId", async (imm) => imm.getTask({ ...request, taskId: "" })],
    ["projectName", "MissingProjectName", async (imm) => imm.listTasks({ projectName: "" })],
    ["maxResults", "InvalidMaxResults", async (imm) => imm.listTasks({ ...request, maxResults: 101 })],
  ])("names the argument %s when IMM says %s", async (argument, code, call) => {
    const error = await errorOf(call(client));
    expect(error).toBeInstanceOf(BadUserInputError);
    expect(error.toExtensions()).toEqual({
      code: "BAD_USER_INPUT",
      argument,
      imm: { code, requestId: expect.any(String) },
    });
    expect(error.message).toContain(`IMM refused \`${argument}\``);
    expect(error.retryable).toBe(false);
    expect(emulator.calls).toHaveLength(1);
  });

  it("takes a wrong secret for its own misconfiguration, and shows nothing of what was signed", async () => {
    const wrong = await clientOf(emulator.url, { accessKey: { ...accessKey, accessKeySecret: "hunter2" } });
    const error = await errorOf(wrong.getTask(request));
    expect(error).toBeInstanceOf(UpstreamMisconfiguredError);
    expect(error.message).toBe("IMM refused the gateway's own credentials.");
    expect(error.imm?.code).toBe("SignatureDoesNotMatch");
    expectNoLeak(error);
  });

  it("takes an unknown key for its own misconfiguration, without naming it", async () => {
    const wrong = await clientOf(emulator.url, { accessKey: { ...accessKey, accessKeyId: "LTAI5thunter2" } });
    const error = await errorOf(wrong.getTask(request));
    expect(error).toBeInstanceOf(UpstreamMisconfiguredError);
    expect(error.imm?.code).toBe("InvalidAccessKeyId.NotFound");
    expectNoLeak(error);
  });

  it("takes a clock that is off for its own misconfiguration", async () => {
    const strict = await emulate({ maxClockSkewMs: 0, clock: { ...stoppedClock, now: () => 0 } });
    const error = await errorOf((await clientOf(strict.url)).getTask(request));
    expect(error).toBeInstanceOf(UpstreamMisconfiguredError);
    expect(error.message).toBe("IMM refused the gateway's clock: it is off by more than 15 minutes.");
    expect(error.imm?.code).toBe("InvalidTimeStamp.Expired");
    expectNoLeak(error);
  });

  it("passes on how long IMM wants it to wait, which is throttling although it comes as HTTP 400", async () => {
    emulator.injectFault({ kind: "throttle", retryAfterMs: 1_500 });
    const error = await errorOf(client.getTask(request));
    expect(error).toBeInstanceOf(UpstreamThrottledError);
    expect(error.toExtensions()).toEqual({
      code: "UPSTREAM_THROTTLED",
      retryAfterMs: 1_500,
      imm: { code: "Throttling.User", requestId: expect.any(String) },
    });
    expect(error.retryable).toBe(true);
    expect(emulator.calls.map(({ status }) => status)).toEqual([400]);
    expectNoLeak(error);
  });

  it.each<["reset" | "serverError" | "notJson" | "truncated" | "emptyBody", string, ErrorClass, string]>([
    ["reset", "UPSTREAM_UNAVAILABLE", UpstreamUnavailableError, "The connection to IMM failed (ECONNRESET)."],
    ["serverError", "UPSTREAM_UNAVAILABLE", UpstreamUnavailableError, "IMM is not available."],
    ["notJson", "UPSTREAM_INVALID_RESPONSE", UpstreamInvalidResponseError, "IMM's answer is not JSON."],
    ["truncated", "UPSTREAM_INVALID_RESPONSE", UpstreamInvalidResponseError, "IMM's answer is not JSON."],
    ["emptyBody", "UPSTREAM_INVALID_RESPONSE", UpstreamInvalidResponseError, "IMM's answer is not JSON."],
  ])("turns the fault %s into a retryable %s after one call", async (kind, code, expected, message) => {
    emulator.addTask({ ...request });
    emulator.injectFault({ kind });
    const error = await errorOf(client.getTask(request));
    expect(error).toBeInstanceOf(expected);
    expect(error).toMatchObject({ code, message, retryable: true });
    expect(emulator.calls.map(({ action, fault }) => [action, fault])).toEqual([["GetTask", kind]]);
    expectNoLeak(error);
  });

  it("gives a silent upstream up by itself", async () => {
    emulator.injectFault({ kind: "stall" });
    const impatient = await clientOf(emulator.url, { callTimeoutMs: 20 });
    const error = await errorOf(impatient.getTask(request));
    expect(error).toBeInstanceOf(UpstreamTimeoutError);
    expect(error).toMatchObject({ message: "IMM did not answer in time.", retryable: true });
    expectNoLeak(error);
  });
});

/** A clock for an emulator that nobody waits on. */
const stoppedClock = {
  now: () => Date.now(),
  tick: () => 0,
  random: () => 0,
  setTimer: () => ({ cancel: () => undefined }),
};

describe("the request", () => {
  it("is a signed POST of version 2020-09-30 that names the gateway", async () => {
    const { url, requests } = await serveBody(200, task);
    await (await clientOf(url)).getTask(request);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers).toMatchObject({
      "x-acs-action": "GetTask",
      "x-acs-version": "2020-09-30",
      authorization: expect.stringMatching(/^ACS3-HMAC-SHA256 Credential=LTAI5tUnitTestKeyId,/),
      "user-agent": expect.stringContaining("imm-graphql/test"),
    });
    expect(requests[0]?.url).not.toContain("RequestDefinition");
  });
});

describe("answers of another shape", () => {
  it.each([
    ["a page of a proxy", 200, "<html>hunter2</html>"],
    ["an empty body", 200, ""],
    ["half a JSON text", 200, '{"UserData":"hunter2'],
  ])("takes %s for an answer that is not JSON", async (_title, status, body) => {
    const { url, requests } = await serveBody(status, body);
    const error = await errorOf((await clientOf(url)).getTask(request));
    expect(error).toBeInstanceOf(UpstreamInvalidResponseError);
    expect(error).toMatchObject({ message: "IMM's answer is not JSON.", retryable: true });
    expect(error.toExtensions()).toEqual({ code: "UPSTREAM_INVALID_RESPONSE" });
    expect(requests).toHaveLength(1);
    expectNoLeak(error);
  });

  it.each<[title: string, status: number, body: string, expected: ErrorClass, retryable: boolean]>([
    ["a page of a proxy", 500, "<html>hunter2</html>", UpstreamUnavailableError, true],
    ["a page of a proxy", 502, "<html>hunter2</html>", UpstreamUnavailableError, true],
    ["no body", 503, "", UpstreamUnavailableError, true],
    ["null", 500, "null", UpstreamUnavailableError, true],
    ["half a JSON text", 504, '{"Code":"hunter2', UpstreamUnavailableError, true],
    ["a page of a proxy", 429, "<html>hunter2</html>", UpstreamThrottledError, true],
    ["a page of a proxy", 403, "<html>hunter2</html>", UpstreamRejectedError, false],
    ["no body", 431, "", BadUserInputError, false],
    ["null", 400, "null", UpstreamRejectedError, false],
  ])("judges %s with HTTP %i by the status", async (_title, status, body, expected, retryable) => {
    const { url } = await serveBody(status, body);
    const error = await errorOf((await clientOf(url)).getTask(request));
    expect(error).toBeInstanceOf(expected);
    expect(error.retryable).toBe(retryable);
    expectNoLeak(error);
  });

  describe("with HTTP 200 and a code, and nothing of what was asked for", () => {
    const refused = { RequestId: "R-7", Code: "InternalError", Message: "hunter2" };
    const calls: readonly [string, (client: ImmClient) => Promise<unknown>][] = [
      ["ListTasks", async (client) => client.listTasks({ projectName: "p" })],
      ["GetTask", async (client) => client.getTask(request)],
      ["a result", async (client) => client.getResult({ ...request, taskType: "VideoModeration" })],
      [
        "a create",
        async (client) =>
          client.createTask({
            action: "CreateFigureClusteringTask",
            input: { ProjectName: "p", DatasetName: "d" },
          }),
      ],
    ];

    it.each(calls)("is a refusal of %s", async (_title, call) => {
      const { url } = await serveBody(200, refused);
      const error = await errorOf(call(await clientOf(url)));
      expect(error).toBeInstanceOf(UpstreamUnavailableError);
      expect(error).toMatchObject({ imm: { code: "InternalError", requestId: "R-7" }, mayHaveArrived: true });
      expectNoLeak(error);
    });

    it.each<[body: object, expected: ErrorClass]>([
      [{ ...refused, Tasks: [] }, UpstreamUnavailableError],
      [{ ...refused, Tasks: null, ProjectName: "p" }, UpstreamUnavailableError],
      [{ Code: "Throttling.User" }, UpstreamThrottledError],
      [{ Code: "ResourceNotFound" }, NotFoundError],
      [{ Code: "SomethingNew" }, UpstreamRejectedError],
    ])("says why, as any refusal: %j", async (body, expected) => {
      const { url } = await serveBody(200, body);
      expect(await errorOf((await clientOf(url)).listTasks({ projectName: "p" }))).toBeInstanceOf(expected);
    });

    it.each([{ Code: "", Tasks: [] }, { Code: "OK" }, { Code: "200", Tasks: [] }, { Tasks: [] }, {}])(
      "is none where the code names no fault: %j",
      async (body) => {
        const { url } = await serveBody(200, body);
        expect((await (await clientOf(url)).listTasks({ projectName: "p" })).tasks).toEqual([]);
      },
    );

    it.each<[code: string, expected: ErrorClass]>([
      ["InternalError", UpstreamUnavailableError],
      ["Throttling.User", UpstreamThrottledError],
      ["InvalidSecurityToken.Expired", UpstreamMisconfiguredError],
      ["MissingSignature", UpstreamMisconfiguredError],
      ["ResourceNotFound", NotFoundError],
    ])("is a refusal beside what was sent and comes back: %s", async (code, expected) => {
      const { TaskId, TaskType, ProjectName } = task;
      const { url } = await serveBody(200, { RequestId: "R-7", TaskId, TaskType, ProjectName, Code: code });
      const error = await errorOf((await clientOf(url)).getTask(request));
      expect(error).toBeInstanceOf(expected);
      expect(error.imm).toEqual({ code, requestId: "R-7" });
    });

    it("is none where the task is there: the code is the task's own", async () => {
      const { url } = await serveBody(200, { ...task, Code: "InternalError", Message: "failed" });
      expect(await (await clientOf(url)).getTask(request)).toMatchObject({ code: "InternalError" });
    });
  });

  it("does not follow a redirect", async () => {
    const elsewhere = await serveBody(200, task);
    const { url, requests } = await serveBody(302, "moved", { location: elsewhere.url });
    const error = await errorOf((await clientOf(url)).getTask(request));
    expect(error).toBeInstanceOf(UpstreamInvalidResponseError);
    expect([requests.length, elsewhere.requests.length]).toEqual([1, 0]);
    expectNoLeak(error);
  });

  it.each([
    ["null", null, "Expected answer to be an object."],
    ["a list", [task], "Expected answer to be an object."],
    ["a text", '"hunter2"', "Expected answer to be an object."],
    ["no member at all", {}, "Expected answer.Status to be there."],
    ["no status", { ...task, Status: undefined }, "Expected answer.Status to be there."],
    ["a status of null", { ...task, Status: null }, "Expected answer.Status to be there."],
    ["an empty status", { ...task, Status: "" }, "Expected answer.Status to be there."],
    ["a status that is no text", { ...task, Status: ["hunter2"] }, "Expected answer.Status to be of type string."],
    ["another task", { ...task, TaskId: "hunter2" }, "Expected answer.TaskId to be the id that was asked for."],
  ])("refuses %s from GetTask, naming the member", async (_title, body, sentence) => {
    const { url } = await serveBody(200, body);
    const error = await errorOf((await clientOf(url)).getTask(request));
    expect(error).toBeInstanceOf(UpstreamInvalidResponseError);
    expect(error.message).toBe(`IMM's answer is not of the documented shape. ${sentence}`);
    expect(error.retryable).toBe(true);
    for (const secret of secrets.slice(0, -1)) expect(visibleText(error)).not.toContain(secret);
  });

  it.each([
    ["progress", { Progress: "abc" }, "Expected answer.Progress to be of type integer."],
    ["code", { Code: {} }, "Expected answer.Code to be of type string."],
    ["message", { Message: ["hunter2"] }, "Expected answer.Message to be of type string."],
    ["startTime", { StartTime: true }, "Expected answer.StartTime to be of type string."],
    ["endTime", { EndTime: {} }, "Expected answer.EndTime to be of type string."],
    ["tags", { Tags: "x" }, "Expected answer.Tags to be of type map."],
    ["tags", { Tags: ["hunter2"] }, "Expected answer.Tags to be of type map."],
    ["userData", { UserData: {} }, "Expected answer.UserData to be of type string."],
    [
      "taskRequestDefinition",
      { TaskRequestDefinition: {} },
      "Expected answer.TaskRequestDefinition to be of type string.",
    ],
    ["eventId", { EventId: {} }, "Expected answer.EventId to be of type string."],
  ])("reads %s of another shape as an error in its place: %j", async (name, odd, sentence) => {
    const { url } = await serveBody(200, { ...task, ...odd });
    const read = await (await clientOf(url)).getTask(request);
    const error = await errorOf(Promise.reject(Reflect.get(read, name)));
    expect(error).toMatchObject({
      code: "UPSTREAM_INVALID_RESPONSE",
      message: `IMM's answer is not of the documented shape. ${sentence}`,
    });
    for (const secret of secrets.slice(0, -1)) expect(visibleText(error)).not.toContain(secret);
    expect(read).toMatchObject({ status: "Running", requestId: "R-1" });
  });

  it("does without what it only passes on, and what it does not ask for", async () => {
    const { url } = await serveBody(200, { ...task, RequestId: {}, EventId: {}, ProjectName: [], MaxResults: {} });
    const client = await clientOf(url);
    expect(await client.getTask(request)).toMatchObject({ requestId: undefined, status: "Running" });
    expect(await client.listTasks(request)).toMatchObject({ requestId: undefined, tasks: [] });
    const created = client.createTask({ action: "CreateFileCompressionTask", input: { ProjectName: "p" } });
    expect(await created).toEqual({ taskId: task.TaskId, eventId: undefined, requestId: undefined });
  });

  it("leaves out of a page what does not say which task it is, and keeps the others", async () => {
    const odd = [
      null,
      "hunter2",
      [],
      {},
      { ...task, TaskId: "" },
      { ...task, TaskId: {} },
      { ...task, TaskType: null },
    ];
    const others = [
      { ...task, Status: "" },
      { ...task, Status: ["hunter2"] },
      { ...task, Tags: "x", Progress: "7" },
    ];
    const { url } = await serveBody(200, { Tasks: [...odd, ...others] });
    const { tasks } = await (await clientOf(url)).listTasks(request);
    expect(tasks).toMatchObject([
      { taskId: task.TaskId, status: "" },
      { taskId: task.TaskId, status: "" },
      { taskId: task.TaskId, status: "Running", tags: { code: "UPSTREAM_INVALID_RESPONSE" }, progress: 7 },
    ]);
  });

  it.each([
    ["tasks that are no list", { Tasks: "hunter2" }, "Expected answer.Tasks to be of type array."],
    [
      "a longer page",
      { Tasks: Array.from({ length: 101 }, () => task) },
      "Expected answer.Tasks to have at most 100 items.",
    ],
    ["a token that is no text", { NextToken: ["hunter2"] }, "Expected answer.NextToken to be of type string."],
  ])("refuses %s from ListTasks, naming the member", async (_title, body, sentence) => {
    const { url } = await serveBody(200, body);
    const error = await errorOf((await clientOf(url)).listTasks(request));
    expect(error).toBeInstanceOf(UpstreamInvalidResponseError);
    expect(error.message).toBe(`IMM's answer is not of the documented shape. ${sentence}`);
    expectNoLeak(error);
  });

  it("accepts numbers as text, unknown members, and a page without tasks", async () => {
    const { url } = await serveBody(200, { ...task, Progress: "42", Status: "Suspended", Unknown: {}, Tags: null });
    const client = await clientOf(url);
    expect(await client.getTask(request)).toMatchObject({ progress: 42, status: "Suspended", tags: undefined });
    expect(await client.listTasks(request)).toEqual({ requestId: "R-1", tasks: [], nextToken: undefined });
  });

  it("takes an empty token for none", async () => {
    const { url } = await serveBody(200, { NextToken: "", MaxResults: 100 });
    expect(await (await clientOf(url)).listTasks(request)).toMatchObject({ nextToken: undefined });
  });
});

describe("refusals", () => {
  interface Row {
    readonly code: string;
    readonly status?: number;
    readonly message?: string;
    readonly expected: ErrorClass;
    readonly extensions: Readonly<Record<string, unknown>>;
    readonly retryable?: boolean;
  }

  const echo = `The query is ?ProjectName=${request.projectName}&UserData=hunter2 of http://127.0.0.1/ by LTAI5tUnitTestKeyId`;

  it.each<Row>([
    {
      code: "SignatureDoesNotMatch",
      message: `Server string to sign is [ACS3-HMAC-SHA256 ${echo}]`,
      expected: UpstreamMisconfiguredError,
      extensions: { code: "UPSTREAM_MISCONFIGURED" },
    },
    {
      code: "SignatureDoesNotMatch",
      status: 403,
      message: echo,
      expected: UpstreamMisconfiguredError,
      extensions: { code: "UPSTREAM_MISCONFIGURED" },
    },
    {
      code: "InvalidAccessKeyId.NotFound",
      status: 404,
      message: echo,
      expected: UpstreamMisconfiguredError,
      extensions: { code: "UPSTREAM_MISCONFIGURED" },
    },
    {
      code: "InvalidTimeStamp.Expired",
      message: echo,
      expected: UpstreamMisconfiguredError,
      extensions: { code: "UPSTREAM_MISCONFIGURED" },
    },
    {
      code: "SignatureNonceUsed",
      message: echo,
      expected: UpstreamUnavailableError,
      extensions: { code: "UPSTREAM_UNAVAILABLE" },
      retryable: true,
    },
    { code: "AccessDenied", status: 403, message: echo, expected: ForbiddenError, extensions: { code: "FORBIDDEN" } },
    {
      code: "User not authorized to operate on the specified APIs",
      message: echo,
      expected: ForbiddenError,
      extensions: { code: "FORBIDDEN" },
    },
    {
      code: "ResourceNotFound",
      message: `The specified resource project is not found. ${echo}`,
      expected: NotFoundError,
      extensions: { code: "NOT_FOUND" },
    },
    { code: "MissingTaskId", expected: BadUserInputError, extensions: { code: "BAD_USER_INPUT", argument: "taskId" } },
    {
      code: "InvalidMaxResults",
      expected: BadUserInputError,
      extensions: { code: "BAD_USER_INPUT", argument: "maxResults" },
    },
    {
      code: "InvalidJSON Array parsing error,TaskTypes",
      expected: BadUserInputError,
      extensions: { code: "BAD_USER_INPUT", argument: "taskTypes" },
    },
    { code: "InvalidArgument", expected: BadUserInputError, extensions: { code: "BAD_USER_INPUT", argument: null } },
    { code: "LimitExceededError", expected: BadUserInputError, extensions: { code: "BAD_USER_INPUT", argument: null } },
    {
      code: "ResourceAlreadyExists",
      expected: BadUserInputError,
      extensions: { code: "BAD_USER_INPUT", argument: null },
    },
    {
      code: "Throttling.User",
      message: echo,
      expected: UpstreamThrottledError,
      extensions: { code: "UPSTREAM_THROTTLED" },
      retryable: true,
    },
    {
      code: "TooManyRequests",
      status: 429,
      message: echo,
      expected: UpstreamThrottledError,
      extensions: { code: "UPSTREAM_THROTTLED" },
      retryable: true,
    },
    {
      code: "InternalError",
      status: 500,
      message: echo,
      expected: UpstreamUnavailableError,
      extensions: { code: "UPSTREAM_UNAVAILABLE" },
      retryable: true,
    },
    {
      code: "ServiceUnavailable",
      status: 503,
      message: echo,
      expected: UpstreamUnavailableError,
      extensions: { code: "UPSTREAM_UNAVAILABLE" },
      retryable: true,
    },
    {
      code: "File access forbidden",
      message: echo,
      expected: UpstreamRejectedError,
      extensions: { code: "UPSTREAM_INVALID_RESPONSE" },
    },
    {
      code: "SomethingNew",
      message: echo,
      expected: UpstreamRejectedError,
      extensions: { code: "UPSTREAM_INVALID_RESPONSE" },
    },
  ])("turns the refusal $code into its error", async (row) => {
    const { code, status = 400, message = "The specified parameter is not valid." } = row;
    const body = {
      RequestId: "R-7",
      HostId: "imm.cn-hangzhou.aliyuncs.com",
      Code: code,
      Message: message,
      Recommend: "https://api.aliyun.com/troubleshoot?q=hunter2",
      AccessDeniedDetail: { PolicyType: "hunter2" },
    };
    const { url, requests } = await serveBody(status, body);
    const error = await errorOf((await clientOf(url)).getTask(request));
    expect(error.constructor).toBe(row.expected);
    expect(error.toExtensions()).toEqual({ ...row.extensions, imm: { code, requestId: "R-7" } });
    expect(error.retryable).toBe(row.retryable ?? false);
    expect(requests).toHaveLength(1);
    expectNoLeak(error);
  });

  it("finds the wait that IMM asks for in the header", async () => {
    const body = { RequestId: "R-7", Code: "Throttling.User", Message: "Denied." };
    const { url } = await serveBody(400, body, { "x-acs-retry-after": "2500" });
    expect((await errorOf((await clientOf(url)).getTask(request))).retryAfterMs).toBe(2_500);
  });

  it.each([
    [400, UpstreamRejectedError],
    [429, UpstreamThrottledError],
    [503, UpstreamUnavailableError],
  ])('never shows the word "undefined" for what HTTP %d without members lacks', async (status, expected) => {
    const { url } = await serveBody(status, {});
    const error = await errorOf((await clientOf(url)).getTask(request));
    expect(error).toBeInstanceOf(expected);
    expect(error.imm).toEqual({ code: null, requestId: null });
    expectNoLeak(error);
  });
});

describe("the network", () => {
  it("knows that a refused connection carried nothing", async () => {
    const { url } = await serveBody(200, task);
    const client = await clientOf(url);
    for (const dispose of disposals.splice(0)) await dispose();
    const error = await errorOf(client.getTask(request));
    expect(error).toBeInstanceOf(UpstreamUnavailableError);
    expect(error).toMatchObject({
      message: "The connection to IMM failed (ECONNREFUSED).",
      retryable: true,
      mayHaveArrived: false,
    });
    expectNoLeak(error);
  });

  it("knows that a reset connection may have carried the request", async () => {
    const { url } = await serveRaw((response) => response.socket?.resetAndDestroy());
    const error = await errorOf((await clientOf(url)).getTask(request));
    expect(error).toMatchObject({ code: "UPSTREAM_UNAVAILABLE", mayHaveArrived: true, retryable: true });
    expectNoLeak(error);
  });

  it("takes an answer that breaks off for an outage", async () => {
    const { url } = await serveRaw((response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"UserData":"hunter2"', () => response.destroy());
    });
    const error = await errorOf((await clientOf(url)).getTask(request));
    expect(error).toMatchObject({ code: "UPSTREAM_UNAVAILABLE", mayHaveArrived: true, retryable: true });
    expectNoLeak(error);
  });
});

describe("createOpenApi", () => {
  const SDK = "@alicloud/imm20200930";

  /** Stands for the generated client: a class on top of the same core, with methods of its own. */
  class SdkClient extends OpenApiCore.default {
    static made = 0;

    constructor(...parameters: ConstructorParameters<typeof OpenApiCore.default>) {
      super(...parameters);
      SdkClient.made += 1;
    }
  }

  const endpoint = { protocol: "https", host: "imm.example" } as const;
  const options = { endpoint, accessKey, userAgent: "test" };

  it.each([
    ["the default of the default, as Node imports CommonJS", { default: { default: SdkClient } }],
    ["the default", { default: SdkClient }],
  ])("uses the installed SDK when the class is %s, and says so", async (_title, exported) => {
    SdkClient.made = 0;
    const emulator = await emulate();
    emulator.addTask({ ...request });
    const loaded: string[] = [];
    const { openApi, packageName } = await createOpenApi(
      { ...options, endpoint: parseEndpoint(emulator.url) },
      (name) => {
        loaded.push(name);
        return Promise.resolve(exported);
      },
    );
    expect(loaded).toEqual([SDK]);
    expect(packageName).toBe(SDK);
    expect(openApi).toBeInstanceOf(SdkClient);
    expect(SdkClient.made).toBe(1);
    const client = new OpenApiImmClient({ openApi, callTimeoutMs: 5_000 });
    expect(await client.getTask(request)).toMatchObject({ status: "Running" });
    expect(emulator.calls.map(({ status, accessKeyId }) => [status, accessKeyId])).toEqual([
      [200, accessKey.accessKeyId],
    ]);
  });

  it("falls back to the core, and says so, when the SDK is not installed", async () => {
    const { openApi, packageName } = await createOpenApi(options, notInstalled);
    expect(packageName).toBe("@alicloud/openapi-core");
    expect(openApi).toBeInstanceOf(OpenApiCore.default);
  });

  it.each([{}, { default: {} }, { default: null }, { default: { default: "x" } }, { default: Map }])(
    "refuses an installed package that exports %p",
    async (exported) => {
      await expect(createOpenApi(options, () => Promise.resolve(exported))).rejects.toThrow(
        new ConfigurationError(`${SDK} is installed but its default export is no client with callApi.`),
      );
    },
  );

  it.each([new SyntaxError("hunter2"), moduleNotFound("@darabonba/typescript")])(
    "refuses an installed package that fails to load with %p, without its message",
    async (failure) => {
      const refusal: unknown = await createOpenApi(options, () => Promise.reject(failure)).catch(
        (thrown: unknown) => thrown,
      );
      expect(refusal).toBeInstanceOf(ConfigurationError);
      expect(refusal).toMatchObject({ message: `${SDK} is installed but does not load.`, cause: expect.any(Error) });
      expect(inspect(refusal)).not.toContain(failure.message);
    },
  );

  it("finds the key in the environment when none is given", async () => {
    jest.replaceProperty(process, "env", {
      ALIBABA_CLOUD_ACCESS_KEY_ID: accessKey.accessKeyId,
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: accessKey.accessKeySecret,
    });
    const emulator = await emulate();
    emulator.addTask({ ...request });
    const { openApi } = await createOpenApi({ endpoint: parseEndpoint(emulator.url), userAgent: "test" }, notInstalled);
    const client = new OpenApiImmClient({ openApi, callTimeoutMs: 5_000 });
    expect(await client.getTask(request)).toMatchObject({ status: "Running" });
    expect(emulator.calls.map(({ accessKeyId }) => accessKeyId)).toEqual([accessKey.accessKeyId]);
  });

  it("calls a refresh that fails a failure in passing, which never left", async () => {
    jest.replaceProperty(process, "env", {
      ALIBABA_CLOUD_ACCESS_KEY_ID: accessKey.accessKeyId,
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: accessKey.accessKeySecret,
    });
    const emulator = await emulate();
    emulator.addTask({ ...request });
    const { openApi } = await createOpenApi({ endpoint: parseEndpoint(emulator.url), userAgent: "test" }, notInstalled);
    const client = new OpenApiImmClient({ openApi, callTimeoutMs: 5_000 });
    const { env } = process;
    jest.replaceProperty(process, "env", {});
    const error = await errorOf(client.getTask(request));
    expect(error).toMatchObject({ code: "UPSTREAM_MISCONFIGURED", retryable: true, mayHaveArrived: false });
    expect(emulator.calls).toEqual([]);
    jest.replaceProperty(process, "env", env);
    expect(await client.getTask(request)).toMatchObject({ status: "Running" });
  });

  it("says in one sentence how to give credentials when there are none", async () => {
    jest.replaceProperty(process, "env", {
      ALIBABA_CLOUD_ECS_METADATA_DISABLED: "true",
      ALIBABA_CLOUD_CLI_PROFILE_DISABLED: "true",
      ALIBABA_CLOUD_CREDENTIALS_FILE: "/nowhere/credentials",
    });
    await expect(createOpenApi({ endpoint, userAgent: "test" }, notInstalled)).rejects.toMatchObject({
      name: "ConfigurationError",
      message:
        "No Alibaba Cloud credentials: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or provide a profile file, an OIDC role or an ECS role.",
      cause: expect.any(Error),
    });
  });
});

describe("any instance with callApi", () => {
  interface Seen {
    readonly action: string;
    readonly version: string;
    readonly query: unknown;
    readonly runtime: unknown;
  }

  function plainClient(body: unknown): { readonly openApi: OpenApi; readonly seen: Seen[] } {
    const seen: Seen[] = [];
    const openApi: OpenApi = {
      callApi: (params, sent, runtime) => {
        seen.push({ action: params.action, version: params.version, query: sent.query, runtime });
        return Promise.resolve({ statusCode: 200, headers: {}, body });
      },
    };
    return { openApi, seen };
  }

  it("serves as a client, and is told both of the vendor's timeouts", async () => {
    const { openApi, seen } = plainClient(task);
    const client = new OpenApiImmClient({ openApi, callTimeoutMs: 1_234 });
    expect(await client.getTask(request)).toMatchObject({ status: "Running", requestId: "R-1" });
    expect(seen).toEqual([
      {
        action: "GetTask",
        version: "2020-09-30",
        query: { ProjectName: request.projectName, TaskType: request.taskType, TaskId: request.taskId },
        runtime: { readTimeout: 1_234, connectTimeout: 1_234 },
      },
    ]);
  });

  it("serves a whole gateway", async () => {
    const { openApi, seen } = plainClient({ ...task, Status: "Succeeded" });
    const gateway = createGateway({ region: EMULATOR_REGION, openApi, port: 0 });
    disposals.push(async () => gateway.stop());
    const { url } = await gateway.start();
    const answer = await query(url, `{ task(${keyArguments(request)}) { status taskId } }`);
    expect(answer.data).toEqual({ task: { status: "SUCCEEDED", taskId: request.taskId } });
    expect(seen.map(({ action }) => action)).toEqual(["GetTask"]);
  });

  it("may answer without a body", async () => {
    const client = new OpenApiImmClient({ openApi: plainClient(undefined).openApi, callTimeoutMs: 1_000 });
    expect(await errorOf(client.getTask(request))).toBeInstanceOf(UpstreamInvalidResponseError);
  });
});
