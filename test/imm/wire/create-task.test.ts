import { existsSync, readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import {
  BadUserInputError,
  NotFoundError,
  UpstreamInvalidResponseError,
  UpstreamThrottledError,
  UpstreamUnavailableError,
} from "../../../src/errors.js";
import { parseEndpoint } from "../../../src/imm/wire/endpoints.js";
import type { ImmClient } from "../../../src/imm/imm-client.js";
import { createOpenApi, OpenApiImmClient } from "../../../src/imm/wire/openapi-client.js";
import { parseExact } from "../../../src/json.js";
import { createActions, EXAMPLE_VARIANTS, exampleInput, toImmInput } from "../../support/example-input.js";
import { serveImm, type ImmServer } from "../../support/serve-imm.js";

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
  readonly values?: readonly (string | number)[];
}

// dist/test/imm/ lies three folders below the repository, and the facts beside the repository.
const factsFile = new URL("../../../../../shared/imm/operations.json", import.meta.url);
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
  input: { ProjectName: "p", Sources: [{ URI: "oss://b/a" }], TargetURI: "oss://b/t.zip" },
} as const;

describe("createTask", () => {
  it("answers what IMM calls the task", async () => {
    const { client } = await serveBody(200, created);
    expect(await client.createTask(compression)).toEqual({
      taskId: "FileCompression-1",
      eventId: "E-1",
      requestId: "R-1",
    });
  });

  it.each([{ RequestId: "R-1" }, { ...created, TaskId: "" }, { ...created, TaskId: null }, [], "created"])(
    "takes %j for no answer: it names no task, and one may run",
    async (body) => {
      const { client } = await serveBody(200, body);
      const call = client.createTask(compression);
      await expect(call).rejects.toBeInstanceOf(UpstreamInvalidResponseError);
      await expect(call).rejects.toMatchObject({ code: "UPSTREAM_INVALID_RESPONSE", mayHaveArrived: true });
    },
  );

  it.each([
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

  it("says that a task may run when the connection broke, and that none runs when there was none", async () => {
    const { client, server } = await serve((response) => response.socket?.resetAndDestroy());
    await expect(client.createTask(compression)).rejects.toMatchObject({ mayHaveArrived: true });
    await server.close();
    await expect(client.createTask(compression)).rejects.toMatchObject({ mayHaveArrived: false });
  });

  it("sends once, whatever comes of it", async () => {
    const { client, server } = await serveBody(500, { Code: "InternalError" });
    await expect(client.createTask(compression)).rejects.toMatchObject({ code: "UPSTREAM_UNAVAILABLE" });
    expect(server.requests).toHaveLength(1);
  });

  it("sends the query in the URL, lists as JSON text, and no body", async () => {
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

  it("sends all of a highlight but its project in the body", async () => {
    const { client, server } = await serveBody(200, created);
    await client.createTask({
      action: "CreateHighlightTask",
      input: toImmInput("CreateHighlightTask", {
        projectName: "p",
        type: "CONCAT",
        sources: [{ uri: "oss://b/a", startSeconds: 0 }],
        output: { uri: "oss://b/t", video: { filter: { watermarks: [{ fontAlpha: 0.5 }] } } },
        tags: { aKey: "ü*" },
      }),
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

  it("sends a story in the body, but what all tasks have in the query", async () => {
    const { client, server } = await serveBody(200, created);
    await client.createTask({
      action: "CreateStory",
      input: toImmInput("CreateStory", {
        projectName: "p",
        datasetName: "d",
        type: "TRAVEL_MEMORY",
        minFileCount: 0,
        address: { city: "Hangzhou" },
        customLabels: { targetUri: "kept" },
        userData: "",
        notification: { mns: { topicName: "t" }, rocketMq: null },
      }),
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

    it.each(createActions)("sends each parameter of %s as documented, and no other", async (action) => {
      const { client, server } = await serveBody(200, created);
      const documented = operations[action]?.request ?? {};
      const sent = new Set<string>();
      for (const variant of EXAMPLE_VARIANTS) {
        const input = exampleInput(action, variant);
        await client.createTask({ action, input: toImmInput(action, input) });
        const request = server.requests.at(-1);
        expect(request).toMatchObject({ action, method: "POST", path: "/" });
        const values: Record<string, unknown> = {};
        for (const place of ["query", "body"] as const) {
          for (const [name, text] of Object.entries(request?.[place] ?? {})) {
            const parameter = documented[name];
            expect({ name, place: parameter?.in }).toEqual({ name, place });
            if (parameter !== undefined) values[name] = fromWire(parameter, text);
          }
        }
        expect(values).toEqual(expectedMembers(input, documented));
        for (const name of namesIn(action, values, documented)) sent.add(name);
      }
      const all = new Set(namesOf(action, documented));
      expect([...sent].toSorted()).toEqual([...all].toSorted());
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

  it.each(results)("asks for the result of a task of %s by %s", async (taskType, action) => {
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

  it("spells the outcome as the schema does, and drops what is not documented", async () => {
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

  it("reads labels with where the video shows them", async () => {
    const { client } = await serveBody(200, { Labels: [{ LabelName: "cat", Clips: [{ TimeRange: [0, 1500] }] }] });
    expect(await client.getResult({ ...key, taskType: "VideoLabelClassification" })).toEqual({
      labels: [{ name: "cat", clips: [{ startMs: 0, endMs: 1500 }] }],
    });
  });

  it("takes the answer about another task for none", async () => {
    const { client } = await serveBody(200, { TaskId: "t-2" });
    const call = client.getResult({ ...key, taskType: "ImageModeration" });
    await expect(call).rejects.toBeInstanceOf(UpstreamInvalidResponseError);
  });

  it("refuses a type whose tasks have no result, without a call", async () => {
    const { client, server } = await serveBody(200, {});
    const call = client.getResult({ ...key, taskType: "FileCompression" });
    await expect(call).rejects.toMatchObject({ code: "BAD_USER_INPUT", argument: "taskType" });
    expect(server.requests).toEqual([]);
  });

  it("tells a task that IMM does not know", async () => {
    const { client } = await serveBody(400, { Code: "ResourceNotFound", Message: "TaskId is not found." });
    await expect(client.getResult({ ...key, taskType: "ImageModeration" })).rejects.toBeInstanceOf(NotFoundError);
  });
});

// What the schema says, in the documents' own spelling: written down here once more, and not read off the table.

/** What the vendor asks not to use yet, and what another member says as well. */
const HIDDEN: ReadonlySet<string> = new Set([
  "CreateOfficeConversionTask.Sources",
  "CreateFigureClustersMergingTask.From",
]);

/** The documented names that a name of the schema may stand for: the one that its object has. */
const RENAMED: Readonly<Record<string, readonly string[]>> = {
  alignPixels: ["Align"],
  bitrateBps: ["Bitrate"],
  borderWidthPixels: ["BorderWidth"],
  bufferBits: ["BufferSize"],
  channels: ["Channel"],
  columns: ["TileWidth"],
  count: ["Number"],
  disabled: ["DisableVideo", "DisableAudio", "DisableSubtitle"],
  doVoxelGridDownSampling: ["DoVoxelGridDownDownSampling"],
  dropAudio: ["DisableAudio"],
  dropVideo: ["DisableVideo"],
  durationSeconds: ["Duration"],
  endTime: ["StoryEndTime"],
  everyNthFrame: ["Interval"],
  extract: ["ExtractSubtitle"],
  fields: ["PointCloudFields"],
  fileFormat: ["PointCloudFileFormat"],
  filter: ["FilterVideo", "FilterAudio"],
  fontAlpha: ["FontApha"],
  frameHeight: ["ScaleHeight"],
  framesPerSecond: ["FrameRate"],
  framesPerSecondOption: ["FrameRateOption"],
  frameWidth: ["ScaleWidth"],
  gopFrames: ["GOPSize"],
  intervalSeconds: ["Interval"],
  kdtree: ["KdtreeOption"],
  keepEmptyCells: ["DisableDeleteEmptyCell"],
  keepRepeatedStyles: ["DisableDeleteRepeatedStyle"],
  keepUnusedPictures: ["DisableDeleteUnusedPicture"],
  keepUnusedShapes: ["DisableDeleteUnusedShape"],
  levels: ["LocationDateClusterLevels"],
  marginPixels: ["Margin"],
  maxBitrateBps: ["MaxBitrate"],
  maxDurationSeconds: ["MaxDuration"],
  method: ["CompressMethod"],
  minSizePixels: ["MinSize"],
  name: ["StoryName", "Transition", "VfxEffect"],
  octree: ["OctreeOption"],
  offsetSeconds: ["TimeOffset"],
  padding: ["Pad"],
  paddingPixels: ["Padding"],
  referenceFrames: ["Refs"],
  referencePosition: ["ReferPos"],
  resolution: ["OctreeResolution", "Resolution"],
  rotateDegrees: ["Rotate", "Rotation"],
  rows: ["TileHeight"],
  sampleRateHz: ["SampleRate"],
  scalePercent: ["ScalePercentage"],
  slim: ["VideoSlim"],
  startSeconds: ["StartTime"],
  startTime: ["StoryStartTime"],
  streams: ["Stream"],
  subType: ["StorySubType"],
  transcode: ["TranscodeVideo", "TranscodeAudio"],
  type: ["StoryType", "Type"],
};

/** The members of the conversion of documents that the schema groups. */
const GROUPED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  images: { dpi: "ImageDPI", joinPages: "LongPicture", firstImageOnly: "FirstPage", showComments: "ShowComments" },
  text: { joinPages: "LongText", keepLineFeeds: "HoldLineFeed" },
  spreadsheet: {
    firstSheet: "SheetIndex",
    sheetCount: "SheetCount",
    maxRows: "MaxSheetRow",
    maxColumns: "MaxSheetColumn",
    fitToHeight: "FitToHeight",
    fitToWidth: "FitToWidth",
    paperSize: "PaperSize",
    landscape: "PaperHorizontal",
    trim: "TrimPolicy",
  },
};

/** The words of IMM that are not the schema's in small letters without underscores. */
const WORDS: Readonly<Record<string, string>> = {
  NONE: "false",
  FAIL: "fall",
  FFT_FULL: "FFT_FULL",
  DWT_IBG: "DWT_IBG",
};

type Documented = Readonly<Record<string, MemberFacts>>;

function expectedMembers(input: object, documented: Documented): Record<string, unknown> {
  const entries = Object.entries(input).flatMap(([name, value]): [string, unknown][] => {
    const group = documented["TargetType"] === undefined ? undefined : GROUPED[name];
    if (group === undefined) {
      const documentedName = documentedNameOf(name, documented);
      return [[documentedName, expectedValue(value, documented[documentedName])]];
    }
    return Object.entries(value as object).map(([inner, one]) => {
      const documentedName = group[inner] ?? "";
      return [documentedName, expectedValue(one, documented[documentedName])];
    });
  });
  return Object.fromEntries(entries);
}

function documentedNameOf(name: string, documented: Documented): string {
  const plain = Object.keys(documented).filter((candidate) => candidate.toLowerCase() === name.toLowerCase());
  const renamed = RENAMED[name] ?? [];
  const [found, ...others] = plain.length > 0 ? plain : renamed.filter((candidate) => documented[candidate]);
  if (found === undefined || others.length > 0) throw new Error(`${name} is not documented, or twice.`);
  return found;
}

function expectedValue(value: unknown, shape: MemberFacts | undefined): unknown {
  if (shape === undefined) throw new Error("The input has a member that is not documented.");
  if (shape.type === "array") return (value as readonly unknown[]).map((item) => expectedValue(item, shape.items));
  if (shape.type === "object") return expectedMembers(value as object, modelOf(shape));
  // A length is a number, with a decimal point where it is a ratio.
  if (shape.type === "number" && typeof value === "object" && value !== null) {
    const { pixels, ratio } = value as { readonly pixels?: number; readonly ratio?: number };
    return ratio === undefined ? String(pixels) : Number.isInteger(ratio) ? `${ratio}.0` : String(ratio);
  }
  if (shape.type === "number") return String(value);
  if (shape.type === "integer") return typeof value === "boolean" ? Number(value) : value;
  if (shape.type === "string" && /^[A-Z][A-Z0-9]*(_[A-Z]+)*$/.test(String(value))) return wordOf(String(value), shape);
  return value;
}

/** The documented word that an enum's value stands for: the same without underscores, in any case. */
function wordOf(name: string, { values = [] }: MemberFacts): string {
  if (WORDS[name] !== undefined) return WORDS[name];
  const words = values.length > 0 ? values : ["stretch", "crop", "fill", "fit"];
  const word = words.map(String).find((known) => known.toLowerCase() === name.replaceAll("_", "").toLowerCase());
  if (word === undefined) throw new Error(`${name} stands for no documented word.`);
  return word;
}

/** What a parameter's text says; numbers as they are written. Throws at a name that is not the documented one. */
function fromWire(shape: MemberFacts, text: string): unknown {
  if (shape.style === "json") return fromJson(shape, parseExact(text));
  if (shape.type === "string") return text;
  if (shape.type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (shape.type === "integer" && /^-?\d+$/.test(text)) return Number(text);
  throw new Error(`Not the text of a value of type ${shape.type}: ${text}`);
}

function fromJson(shape: MemberFacts | undefined, value: unknown): unknown {
  if (shape?.type === "array") return (value as readonly unknown[]).map((item) => fromJson(shape.items, item));
  if (shape?.type === "number") return String(value);
  if (shape?.type !== "object") return value;
  const documented = modelOf(shape);
  return Object.fromEntries(
    Object.entries(value as object).map(([name, member]) => {
      if (documented[name] === undefined) throw new Error(`${String(shape.model)} has no member ${name}.`);
      return [name, fromJson(documented[name], member)];
    }),
  );
}

function modelOf({ model = "" }: MemberFacts): Documented {
  return facts?.models[model] ?? {};
}

/** The members that were sent, however deep, each with what it belongs to. */
function namesIn(owner: string, values: object, documented: Documented): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const shape = documented[name]?.items ?? documented[name];
    const objects: readonly object[] = shape?.type === "object" ? [value].flat() : [];
    return [
      `${owner}.${name}`,
      ...objects.flatMap((one) => namesIn(shape?.model ?? "", one, modelOf(shape ?? { type: "object" }))),
    ];
  });
}

/** The members that are documented. */
function namesOf(owner: string, documented: Documented): readonly string[] {
  return Object.entries(documented).flatMap(([name, member]) => {
    if (HIDDEN.has(`${owner}.${name}`)) return [];
    const shape = member.items ?? member;
    return [`${owner}.${name}`, ...(shape.type === "object" ? namesOf(shape.model ?? "", modelOf(shape)) : [])];
  });
}
