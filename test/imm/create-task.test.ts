import { existsSync, readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test } from "@jest/globals";
import {
  BadUserInputError,
  NotFoundError,
  UpstreamInvalidResponseError,
  UpstreamThrottledError,
  UpstreamUnavailableError,
} from "../../src/errors.js";
import { parseEndpoint } from "../../src/imm/endpoints.js";
import type { ImmClient } from "../../src/imm/imm-client.js";
import { createOpenApi, OpenApiImmClient } from "../../src/imm/openapi-client.js";
import { createActions, EXAMPLE_VARIANTS, exampleInput } from "../support/example-input.js";
import { serveImm, type ImmServer } from "../support/serve-imm.js";

/** The facts that were extracted from the SDK, as far as these tests read them. */
interface Facts {
  readonly operations: Readonly<Record<string, { readonly request: Readonly<Record<string, MemberFacts>> }>>;
  readonly models: Readonly<Record<string, Readonly<Record<string, MemberFacts>>>>;
}

interface MemberFacts {
  readonly type: string;
  readonly model?: string;
  readonly items?: MemberFacts;
  readonly in?: "query" | "body";
  readonly style?: "json";
}

// dist/test/imm/ lies three folders below the repository, and the facts beside the repository.
const factsFile = new URL("../../../../shared/imm/operations.json", import.meta.url);
const facts = existsSync(factsFile) ? (JSON.parse(readFileSync(factsFile, "utf8")) as Facts) : null;

const servers: ImmServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: (response: ServerResponse) => void): Promise<{ client: ImmClient; server: ImmServer }> {
  const server = await serveImm(answer);
  servers.push(server);
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(server.url),
    accessKey: { accessKeyId: "id", accessKeySecret: "secret" },
    userAgent: "imm-graphql/test",
  });
  return { client: new OpenApiImmClient({ openApi, callTimeoutMs: 5_000 }), server };
}

async function serveBody(status: number, body: unknown): ReturnType<typeof serve> {
  return serve((response) => response.writeHead(status).end(JSON.stringify(body)));
}

const created = { RequestId: "R-1", EventId: "E-1", TaskId: "FileCompression-1" };

const compression = {
  action: "CreateFileCompressionTask",
  input: { projectName: "p", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/t.zip" },
} as const;

describe("createTask", () => {
  test("answers what IMM calls the task", async () => {
    const { client } = await serveBody(200, created);
    expect(await client.createTask(compression)).toEqual({
      taskId: "FileCompression-1",
      eventId: "E-1",
      requestId: "R-1",
    });
  });

  test.each([{ RequestId: "R-1" }, { ...created, TaskId: "" }, { ...created, TaskId: null }, [], "created"])(
    "takes %j for no answer: it names no task, and one may run",
    async (body) => {
      const { client } = await serveBody(200, body);
      const call = client.createTask(compression);
      await expect(call).rejects.toBeInstanceOf(UpstreamInvalidResponseError);
      await expect(call).rejects.toMatchObject({ code: "UPSTREAM_INVALID_RESPONSE", mayHaveArrived: true });
    },
  );

  test.each([
    [400, "Throttling.User", UpstreamThrottledError, false],
    [400, "ResourceNotFound", NotFoundError, false],
    [400, "InvalidTargetURI", BadUserInputError, false],
    [500, "InternalError", UpstreamUnavailableError, true],
  ])("says after HTTP %d %s whether a task may run all the same", async (status, Code, expected, mayHaveArrived) => {
    const { client } = await serveBody(status, { Code, Message: "m", RequestId: "R-1" });
    const call = client.createTask(compression);
    await expect(call).rejects.toBeInstanceOf(expected);
    await expect(call).rejects.toMatchObject({ mayHaveArrived });
  });

  test("says that a task may run when the connection broke, and that none runs when there was none", async () => {
    const { client, server } = await serve((response) => response.socket?.resetAndDestroy());
    await expect(client.createTask(compression)).rejects.toMatchObject({ mayHaveArrived: true });
    await server.close();
    await expect(client.createTask(compression)).rejects.toMatchObject({ mayHaveArrived: false });
  });

  test("sends once, whatever comes of it", async () => {
    const { client, server } = await serveBody(500, { Code: "InternalError" });
    await expect(client.createTask(compression)).rejects.toMatchObject({ code: "UPSTREAM_UNAVAILABLE" });
    expect(server.requests).toHaveLength(1);
  });

  test("sends the query in the URL, lists as JSON text, and no body", async () => {
    const { client, server } = await serveBody(200, created);
    await client.createTask(compression);
    expect(server.requests).toEqual([
      {
        action: "CreateFileCompressionTask",
        method: "POST",
        path: "/",
        query: { ProjectName: "p", Sources: '[{"URI":"oss://b/a"}]', TargetURI: "oss://b/t.zip" },
        body: {},
        contentType: undefined,
      },
    ]);
  });

  test("sends all of a highlight but its project in the body", async () => {
    const { client, server } = await serveBody(200, created);
    await client.createTask({
      action: "CreateHighlightTask",
      input: {
        projectName: "p",
        type: "Concat",
        sources: [{ uri: "oss://b/a", startTime: 0 }],
        output: { uri: "oss://b/t", video: { filterVideo: { watermarks: [{ fontAlpha: 0.5 }] } } },
        tags: { aKey: "ü*" },
      },
    });
    expect(server.requests).toMatchObject([
      {
        query: { ProjectName: "p" },
        body: {
          Type: "Concat",
          Sources: '[{"URI":"oss://b/a","StartTime":0}]',
          Output: '{"URI":"oss://b/t","Video":{"FilterVideo":{"Watermarks":[{"FontApha":0.5}]}}}',
          Tags: '{"aKey":"ü*"}',
        },
        contentType: "application/x-www-form-urlencoded",
      },
    ]);
  });

  test("sends a story in the body, but what all tasks have in the query", async () => {
    const { client, server } = await serveBody(200, created);
    await client.createTask({
      action: "CreateStory",
      input: {
        projectName: "p",
        datasetName: "d",
        storyType: "TravelMemory",
        minFileCount: 0,
        address: { city: "Hangzhou" },
        customLabels: { targetUri: "kept" },
        userData: "",
        notification: { mns: { topicName: "t" }, rocketMq: null },
      },
    });
    expect(server.requests.map(({ query, body }) => ({ query, body }))).toEqual([
      {
        query: { UserData: "", Notification: '{"MNS":{"TopicName":"t"}}' },
        body: {
          ProjectName: "p",
          DatasetName: "d",
          StoryType: "TravelMemory",
          MinFileCount: "0",
          Address: '{"City":"Hangzhou"}',
          CustomLabels: '{"targetUri":"kept"}',
        },
      },
    ]);
  });

  if (facts !== null) {
    const { operations } = facts;

    test.each(createActions)("sends each parameter of %s as documented, and no other", async (action) => {
      const { client, server } = await serveBody(200, created);
      const documented = operations[action]?.request ?? {};
      const sent = new Set<string>();
      for (const variant of EXAMPLE_VARIANTS) {
        const input = exampleInput(action, variant);
        await client.createTask({ action, input });
        const request = server.requests.at(-1);
        expect(request).toMatchObject({ action, method: "POST", path: "/" });
        const values: Record<string, unknown> = {};
        for (const place of ["query", "body"] as const) {
          for (const [name, text] of Object.entries(request?.[place] ?? {})) {
            const parameter = documented[name];
            expect({ name, place: parameter?.in }).toEqual({ name, place });
            sent.add(name);
            if (parameter !== undefined) values[plain(name)] = fromWire(parameter, text);
          }
        }
        expect(values).toEqual(plainMembers(input, documented));
      }
      expect([...sent].toSorted()).toEqual(Object.keys(documented).toSorted());
    });
  }
});

const results = [
  ["ImageModeration", "GetImageModerationResult"],
  ["VideoModeration", "GetVideoModerationResult"],
  ["VideoLabelClassification", "GetVideoLabelClassificationResult"],
  ["DecodeBlindWatermark", "GetDecodeBlindWatermarkResult"],
] as const;

describe("getResult", () => {
  const key = { projectName: "p", taskId: "t-1" };

  test.each(results)("asks for the result of a task of %s by %s", async (taskType, action) => {
    const { client, server } = await serveBody(200, { RequestId: "R-1", Status: "Succeeded", TaskId: "t-1" });
    expect(await client.getResult({ ...key, taskType })).toEqual({
      requestId: "R-1",
      status: "Succeeded",
      taskId: "t-1",
    });
    expect(server.requests).toMatchObject([
      { action, query: { ProjectName: "p", TaskType: taskType, TaskId: "t-1" }, body: {} },
    ]);
  });

  test("spells the outcome as the schema does, and drops what is not documented", async () => {
    const Frames = { TotalCount: "2", BlockFrames: [{ Offset: 1, Rate: 99.5, Label: "l", Secret: 1 }] };
    const { client } = await serveBody(200, {
      ModerationResult: { URI: "oss://b/o", Suggestion: "block", Categories: ["c"], Frames },
      UserData: null,
      Other: 1,
    });
    expect(await client.getResult({ ...key, taskType: "ImageModeration" })).toEqual({
      moderationResult: {
        uri: "oss://b/o",
        suggestion: "block",
        categories: ["c"],
        frames: { totalCount: 2, blocked: [{ offset: 1, confidencePercent: 99.5, label: "l" }] },
      },
    });
  });

  test("reads labels with where the video shows them", async () => {
    const { client } = await serveBody(200, { Labels: [{ LabelName: "cat", Clips: [{ TimeRange: [0, 1500] }] }] });
    expect(await client.getResult({ ...key, taskType: "VideoLabelClassification" })).toEqual({
      labels: [{ name: "cat", clips: [{ startMs: 0, endMs: 1500 }] }],
    });
  });

  test("takes the answer about another task for none", async () => {
    const { client } = await serveBody(200, { TaskId: "t-2" });
    const call = client.getResult({ ...key, taskType: "ImageModeration" });
    await expect(call).rejects.toBeInstanceOf(UpstreamInvalidResponseError);
  });

  test("refuses a type whose tasks have no result, without a call", async () => {
    const { client, server } = await serveBody(200, {});
    const call = client.getResult({ ...key, taskType: "FileCompression" });
    await expect(call).rejects.toMatchObject({ code: "BAD_USER_INPUT", argument: "taskType" });
    expect(server.requests).toEqual([]);
  });

  test("tells a task that IMM does not know", async () => {
    const { client } = await serveBody(400, { Code: "ResourceNotFound", Message: "TaskId is not found." });
    await expect(client.getResult({ ...key, taskType: "ImageModeration" })).rejects.toBeInstanceOf(NotFoundError);
  });
});

// Both sides are compared in a spelling of neither: small letters, by the documented names, with the vendor's slips mended.

const SLIPS: Readonly<Record<string, string>> = {
  fontapha: "fontalpha",
  dovoxelgriddowndownsampling: "dovoxelgriddownsampling",
};

function plain(name: string): string {
  const small = name.toLowerCase();
  return SLIPS[small] ?? small;
}

/** An input, or a part of one, in small letters; the keys of maps as they are. */
function plainMembers(input: object, documented: Readonly<Record<string, MemberFacts>>): Record<string, unknown> {
  const shapes = new Map(Object.entries(documented).map(([name, shape]) => [plain(name), shape]));
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [plain(name), plainValue(value, shapes.get(plain(name)))]),
  );
}

function plainValue(value: unknown, shape: MemberFacts | undefined): unknown {
  if (shape === undefined) throw new Error("The input has a member that is not documented.");
  if (shape.type === "array") return (value as readonly unknown[]).map((item) => plainValue(item, shape.items));
  if (shape.type === "object") return plainMembers(value as object, facts?.models[shape.model ?? ""] ?? {});
  return value;
}

/** What a parameter's text says, in small letters. Throws at a name that is not the documented one. */
function fromWire(shape: MemberFacts, text: string): unknown {
  if (shape.style === "json") return fromJson(shape, JSON.parse(text));
  if (shape.type === "string") return text;
  if (shape.type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (shape.type === "integer" && /^-?\d+$/.test(text)) return Number(text);
  throw new Error(`Not the text of a value of type ${shape.type}: ${text}`);
}

function fromJson(shape: MemberFacts | undefined, value: unknown): unknown {
  if (shape?.type === "array") return (value as readonly unknown[]).map((item) => fromJson(shape.items, item));
  if (shape?.type !== "object") return value;
  const documented = facts?.models[shape.model ?? ""] ?? {};
  return Object.fromEntries(
    Object.entries(value as object).map(([name, member]) => {
      if (documented[name] === undefined) throw new Error(`${String(shape.model)} has no member ${name}.`);
      return [plain(name), fromJson(documented[name], member)];
    }),
  );
}
