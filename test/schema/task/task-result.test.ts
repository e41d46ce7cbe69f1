import { describe, expect, it } from "@jest/globals";
import type { ImmClient } from "../../../src/imm/imm-client.js";
import { fromCreatedTask, type TaskSnapshot } from "../../../src/tasks/snapshot.js";
import { TaskResults } from "../../../src/tasks/read/task-results.js";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { withTimePassing } from "../../support/manual-clock.js";
import { keyArguments, query } from "../../support/query.js";
import { startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { connect, subscribe } from "../../support/subscribe.js";
import { uncalled } from "../../support/uncalled.js";

const RESULT = `result {
  __typename
  ... on ImageModerationResult { uri suggestion categories frames { totalCount blocked { label confidencePercent offset } } }
  ... on VideoModerationResult { uri suggestion categories frames { totalCount blocked { label confidencePercent offset } } }
  ... on VideoLabelClassificationResult { labels { name level parentName confidence clips { startMs endMs } } }
  ... on DecodeBlindWatermarkResult { content }
}`;

const ended = { durationMs: 1_000, startedAgoMs: 2_000 };

const verdict = {
  URI: "oss://b/a",
  Suggestion: "block",
  Categories: ["ad"],
  Frames: { TotalCount: 4, BlockFrames: [{ Label: "ad", Rate: 99.5, Offset: 1 }] },
};
const shownVerdict = {
  uri: "oss://b/a",
  suggestion: "BLOCK",
  categories: ["ad"],
  frames: { totalCount: 4, blocked: [{ label: "ad", confidencePercent: 99.5, offset: 1 }] },
};

/** Each type that has a result, what IMM answers and what the schema makes of it. */
const outcomes = [
  ["ImageModeration", verdict, { __typename: "ImageModerationResult", ...shownVerdict }],
  ["VideoModeration", verdict, { __typename: "VideoModerationResult", ...shownVerdict }],
  [
    "VideoLabelClassification",
    [{ LabelName: "Beach", LabelLevel: 2, ParentLabelName: "", LabelConfidence: 0.5, Clips: [{ TimeRange: [0, 9] }] }],
    {
      __typename: "VideoLabelClassificationResult",
      labels: [
        {
          name: "Beach",
          level: 2,
          parentName: "",
          confidence: 0.5,
          clips: [{ startMs: 0, endMs: 9 }],
        },
      ],
    },
  ],
  ["DecodeBlindWatermark", "mine", { __typename: "DecodeBlindWatermarkResult", content: "mine" }],
] as const;

function addOutcomes({ emulator }: RunningGateway): void {
  for (const [taskType, result] of outcomes) emulator.addTask({ ...ended, taskType, taskId: taskType, result });
}

function resultCalls({ emulator }: RunningGateway): readonly string[] {
  return emulator.calls.map(({ action }) => action).filter((action) => action.endsWith("Result"));
}

const ALL = `{ ${outcomes.map(([taskType]) => `${taskType}: task(${keyArguments({ taskType, taskId: taskType })}) { status ${RESULT} }`).join(" ")} }`;

describe("the result of a task", () => {
  it("is typed for each of the four types, and costs one call a task, however often it is asked for", async () => {
    const running = await startGateway();
    addOutcomes(running);
    const answers = await Promise.all([query(running.url, ALL), query(running.url, ALL)]);
    answers.push(await query(running.url, ALL));
    const shown = Object.fromEntries(
      outcomes.map(([taskType, , result]) => [taskType, { status: "SUCCEEDED", result }]),
    );
    for (const { data, errors } of answers) expect([data, errors]).toEqual([shown, []]);
    expect(resultCalls(running).toSorted()).toEqual([
      "GetDecodeBlindWatermarkResult",
      "GetImageModerationResult",
      "GetVideoLabelClassificationResult",
      "GetVideoModerationResult",
    ]);
  });

  it("costs nothing where it is not selected, before success, after a failure, and for other types", async () => {
    const running = await startGateway();
    const { emulator, url } = running;
    emulator.addTask({ taskType: "ImageModeration", taskId: "runs", durationMs: Infinity });
    const outcome = { status: "Failed", code: "InternalError", message: "m" } as const;
    emulator.addTask({ ...ended, taskType: "ImageModeration", taskId: "failed", outcome });
    emulator.addTask({ ...ended, taskType: "ImageModeration", taskId: "plain" });
    emulator.addTask({ ...ended, taskType: "FileCompression", taskId: "other" });
    const { data, errors } = await query(
      url,
      `{
        runs: task(${keyArguments({ taskType: "ImageModeration", taskId: "runs" })}) { ${RESULT} }
        failed: task(${keyArguments({ taskType: "ImageModeration", taskId: "failed" })}) { ${RESULT} }
        plain: task(${keyArguments({ taskType: "ImageModeration", taskId: "plain" })}) { status }
        other: task(${keyArguments({ taskType: "FileCompression", taskId: "other" })}) { ${RESULT} }
      }`,
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      runs: { result: null },
      failed: { result: null },
      plain: { status: "SUCCEEDED" },
      other: { result: null },
    });
    expect(resultCalls(running)).toEqual([]);
  });

  it("that fails is an error at its place, beside the rest, and is asked for again by the next", async () => {
    const running = await startGateway();
    const { emulator, url, clock } = running;
    addOutcomes(running);
    const document = `{ task(${keyArguments({ taskType: "DecodeBlindWatermark", taskId: "DecodeBlindWatermark" })}) { status ${RESULT} } }`;
    emulator.injectFault({ kind: "throttle", action: "GetDecodeBlindWatermarkResult", retryAfterMs: 60_000, times: 1 });
    expect(await query(url, document)).toMatchObject({
      data: { task: { status: "SUCCEEDED", result: null } },
      errors: [{ path: ["task", "result"], extensions: { code: "UPSTREAM_THROTTLED", retryAfterMs: 60_000 } }],
    });
    expect(await withTimePassing(clock, query(url, document))).toMatchObject({
      data: { task: { result: { content: "mine" } } },
    });
  });

  it("that somebody still has to review is asked for anew by each request", async () => {
    const running = await startGateway();
    const result = { ...verdict, Suggestion: "review" };
    running.emulator.addTask({ ...ended, taskType: "ImageModeration", taskId: "a", result });
    const key = keyArguments({ taskType: "ImageModeration", taskId: "a" });
    const document = `{ one: task(${key}) { ${RESULT} } two: task(${key}) { ${RESULT} } }`;
    for (let round = 1; round <= 2; round += 1) {
      expect(await query(running.url, document)).toMatchObject({
        data: { one: { result: { suggestion: "REVIEW" } } },
      });
      expect(resultCalls(running)).toHaveLength(round);
    }
  });

  it.each([
    ["pass", "PASS"],
    ["Block", "BLOCK"],
    ["escalate", "UNKNOWN"],
    ["toString", "UNKNOWN"],
  ])("suggests what IMM's word %s means", async (word, suggestion) => {
    const { emulator, url } = await startGateway();
    const result = { ...verdict, Suggestion: word };
    emulator.addTask({ ...ended, taskType: "VideoModeration", taskId: "a", result });
    const key = keyArguments({ taskType: "VideoModeration", taskId: "a" });
    const { data, errors } = await query(url, `{ task(${key}) { ${RESULT} } }`);
    expect(errors).toEqual([]);
    expect(data).toMatchObject({ task: { result: { ...shownVerdict, suggestion } } });
  });

  it("that is not there yet is asked for anew by each request", async () => {
    const contents = [undefined, "mine"];
    const client: ImmClient = { ...uncalled, getResult: async () => ({ content: contents.shift() }) };
    const results = new TaskResults({ client, maxCachedResults: 1 });
    const key = { projectName: "immtest", taskType: "DecodeBlindWatermark", taskId: "a" };
    const created = { taskId: "a", eventId: undefined, requestId: undefined };
    const started = fromCreatedTask(key.taskType, { ProjectName: "immtest" }, created, { at: 0, tick: 0 });
    const succeeded: TaskSnapshot = { ...started, status: "SUCCEEDED" };
    const asked = [await results.load(succeeded), await results.load(succeeded), await results.load(succeeded)];
    expect(asked.map((result) => result?.["content"])).toEqual([undefined, "mine", "mine"]);
  });

  it("comes with the last event of a subscription, by one call for all subscribers", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { emulator, url } = running;
    emulator.addTask({ taskType: "ImageModeration", taskId: "a", durationMs: Infinity, result: verdict });
    const key = keyArguments({ taskType: "ImageModeration", taskId: "a" });
    const streams = ["status", "isDone status"].map((fields) =>
      subscribe(connect(url), `subscription { taskProgress(${key}) { ${fields} ${RESULT} } }`),
    );
    for (const stream of streams) {
      expect(await stream.next()).toMatchObject({ data: { taskProgress: { status: "RUNNING", result: null } } });
    }
    emulator.finishTask("a");
    await nextPoll(running);
    for (const stream of streams) {
      expect(await stream.rest()).toMatchObject([
        { data: { taskProgress: { status: "SUCCEEDED", result: shownVerdict } } },
      ]);
    }
    expect(resultCalls(running)).toEqual(["GetImageModerationResult"]);
  });

  it("counts, below a list, towards what an operation may ask for", async () => {
    const running = await startGateway({ gateway: { maxTasksPerOperation: 3 } });
    const { emulator, url } = running;
    for (const taskId of ["a", "b", "c", "d", "e"]) {
      emulator.addTask({ ...ended, taskType: "DecodeBlindWatermark", taskId, result: taskId });
    }
    emulator.addTask({ ...ended, taskType: "FileCompression", taskId: "0" });
    const document = `{ tasks(projectName: "immtest") { nodes { taskId result { __typename } } edges { node { result { __typename } } } } }`;
    const { data, errors } = await query(url, document);
    expect(data).toMatchObject({ tasks: { nodes: [{}, {}, {}, {}, {}, {}] } });
    expect(errors.filter(({ path }) => path?.[1] === "nodes")).toMatchObject(
      [4, 5].map((index) => ({ path: ["tasks", "nodes", index, "result"], extensions: { code: "BAD_USER_INPUT" } })),
    );
    expect(resultCalls(running)).toHaveLength(3);
  });

  it("is told in the report of what an operation cost", async () => {
    const running = await startGateway({ gateway: { reportCalls: true } });
    addOutcomes(running);
    const { text } = await query(running.url, ALL);
    expect(JSON.parse(text)).toMatchObject({ extensions: { imm: { calls: 8, savedCalls: 0 } } });
    const again = await query(running.url, ALL);
    expect(JSON.parse(again.text)).toMatchObject({ extensions: { imm: { calls: 0, savedCalls: 8 } } });
  });
});

describe("the outputs of a task", () => {
  async function outputsOf(taskType: string, definition: unknown, redactDefinitions = true): Promise<unknown> {
    const { url, emulator } = await startGateway({ gateway: { redactDefinitions } });
    const requestDefinition = typeof definition === "string" ? definition : JSON.stringify(definition);
    emulator.addTask({ ...ended, taskType, taskId: "a", requestDefinition });
    const { data, errors } = await query(url, `{ task(${keyArguments({ taskType, taskId: "a" })}) { outputs } }`);
    return errors[0]?.extensions["code"] ?? data?.["task"];
  }

  it.each([
    ["FileCompression", { TargetURI: "oss://b/t.zip", SourceManifestURI: "oss://b/s" }, ["oss://b/t.zip"]],
    [
      "MediaConvert",
      {
        Sources: [{ URI: "oss://b/in" }],
        Targets: [
          {
            URI: "oss://b/out",
            Subtitle: { ExtractSubtitle: { URI: "oss://b/subtitles" } },
            Image: {
              Snapshots: [{ URI: "oss://b/snapshots" }],
              Sprites: [{ URI: "oss://b/sprites" }],
              Animations: [{ URI: "oss://b/animations" }],
            },
            Video: { FilterVideo: { Watermarks: [{ URI: "oss://b/watermark" }] } },
          },
        ],
        TargetGroups: [{ URI: "oss://b/master", Targets: [{ URI: "oss://b/variant" }, { URI: "oss://b/out" }] }],
      },
      [
        "oss://b/out",
        "oss://b/subtitles",
        "oss://b/snapshots",
        "oss://b/sprites",
        "oss://b/animations",
        "oss://b/master",
        "oss://b/variant",
      ],
    ],
    ["MediaConvert", { Targets: '[{"URI":"oss://b/out"}]' }, ["oss://b/out"]],
    ["FacesSearching", { DatasetName: "d" }, []],
  ])("of the type %s are those that its definition names", async (taskType, definition, outputs) => {
    expect(await outputsOf(taskType, definition)).toEqual({ outputs });
  });

  it("are null for a type without a definition and for one that is not known", async () => {
    expect(await outputsOf("OfficeConversion", { TargetURI: "oss://b/t" })).toEqual({ outputs: null });
    expect(await outputsOf("LiveTranscoding", { TargetURI: "oss://b/t" })).toEqual({ outputs: null });
  });

  it("are null where the definition is not JSON, and without the secrets that it holds", async () => {
    expect(await outputsOf("FileCompression", "not JSON")).toEqual({ outputs: null });
    const signed = { TargetURI: "https://b.example/t?Signature=s3cret&x=1" };
    expect(await outputsOf("FileCompression", signed)).toEqual({
      outputs: ["https://b.example/t?Signature=[redacted]&x=1"],
    });
    expect(await outputsOf("FileCompression", signed, false)).toEqual({ outputs: [signed.TargetURI] });
  });
});
