import { describe, expect, it } from "@jest/globals";
import { keyArguments, query } from "../../support/query.js";
import { startGatewayBefore } from "../../support/start-before.js";

const KEYS = {
  video: keyArguments({ taskType: "VideoModeration", taskId: "a" }),
  labels: keyArguments({ taskType: "VideoLabelClassification", taskId: "a" }),
};

/** JSON text of a task of IMM that has succeeded, or that runs with this progress. */
function taskText(taskType: string, progress?: string): string {
  const state = progress === undefined ? '"Status":"Succeeded"' : `"Status":"Running","Progress":${progress}`;
  return `{"TaskType":"${taskType}","TaskId":"a",${state}}`;
}

const INVALID = expect.objectContaining({
  extensions: expect.objectContaining({ code: "UPSTREAM_INVALID_RESPONSE" }),
});

/** JSON texts that are no integer of 32 bits. */
const NO_INT32 = ["1.5", "2147483648", "-2147483649", "12345678901234567890", "1e400", '"x"', '"0x10"', '""', "true"];

describe("a number of IMM's answers", () => {
  it.each(NO_INT32)("of 32 bits is an error of IMM's where it is %s", async (odd) => {
    const { url } = await startGatewayBefore(({ action }) =>
      action === "GetTask"
        ? taskText("VideoModeration")
        : `{"ModerationResult":{"URI":"u","Frames":{"TotalCount":${odd},"BlockFrames":[{"Label":"l","Offset":${odd}}]}}}`,
    );
    const { data, errors } = await query(
      url,
      `{ task(${KEYS.video}) { result { ... on VideoModerationResult { uri frames { totalCount blocked { label offset } } } } } }`,
    );
    const frames = { totalCount: null, blocked: [{ label: "l", offset: null }] };
    expect(data).toEqual({ task: { result: { uri: "u", frames } } });
    expect(errors).toEqual([INVALID, INVALID]);
  });

  it.each(NO_INT32)("that is a running task's progress is an error of IMM's where it is %s", async (odd) => {
    const task = taskText("FileCompression", odd);
    const { url } = await startGatewayBefore(({ action }) => (action === "GetTask" ? task : `{"Tasks":[${task}]}`));
    const { data, errors } = await query(
      url,
      `{ tasks(projectName: "immtest") { nodes { taskId status progress pollAfterMs } } }`,
    );
    expect(data).toMatchObject({ tasks: { nodes: [{ taskId: "a", status: "RUNNING", progress: null }] } });
    expect(errors).toEqual([INVALID]);
  });

  it.each([
    ["7", 7],
    ["7.0", 7],
    ['"7"', 7],
    ["-9007199254740991", -9007199254740991],
    ["9007199254740992", "9007199254740992"],
    ["9007199254740993", "9007199254740993"],
    ['"9007199254740993"', "9007199254740993"],
    ["-9223372036854775808", "-9223372036854775808"],
  ])("of 64 bits keeps its digits: %s", async (text, shown) => {
    const { url } = await startGatewayBefore(({ action }) =>
      action === "GetTask"
        ? taskText("VideoLabelClassification")
        : `{"Labels":[{"LabelLevel":${text},"Clips":[{"TimeRange":[0,${text}]}]}]}`,
    );
    const { data, errors } = await query(
      url,
      `{ task(${KEYS.labels}) { result { ... on VideoLabelClassificationResult { labels { level clips { startMs endMs } } } } } }`,
    );
    expect(errors).toEqual([]);
    const labels = [{ level: shown, clips: [{ startMs: 0, endMs: shown }] }];
    expect(data).toEqual({ task: { result: { labels } } });
  });

  it.each([["[]"], ["[1]"], ["[1,2,3]"], ["7"]])(
    "that begins or ends a clip is there twice, not in %s",
    async (odd) => {
      const { url } = await startGatewayBefore(({ action }) =>
        action === "GetTask" ? taskText("VideoLabelClassification") : `{"Labels":[{"Clips":[{"TimeRange":${odd}}]}]}`,
      );
      const { data, errors } = await query(
        url,
        `{ task(${KEYS.labels}) { result { ... on VideoLabelClassificationResult { labels { clips { startMs endMs } } } } } }`,
      );
      expect(data).toEqual({ task: { result: { labels: [{ clips: [{ startMs: null, endMs: null }] }] } } });
      expect(errors).toEqual([INVALID, INVALID]);
    },
  );

  it.each(["1.5", "9223372036854775808", "12345678901234567890", "1e30", '"x"'])(
    "of 64 bits is an error of IMM's where it is %s",
    async (odd) => {
      const { url } = await startGatewayBefore(({ action }) =>
        action === "GetTask"
          ? taskText("VideoLabelClassification")
          : `{"Labels":[{"LabelLevel":${odd},"LabelName":"l"}]}`,
      );
      const { data, errors } = await query(
        url,
        `{ task(${KEYS.labels}) { result { ... on VideoLabelClassificationResult { labels { level name } } } } }`,
      );
      expect(data).toEqual({ task: { result: { labels: [{ level: null, name: "l" }] } } });
      expect(errors).toEqual([INVALID]);
    },
  );
});

describe("a number of 64 bits in an input", () => {
  const CREATE = `createOfficeConversionTask(input: { projectName: "p", sourceUri: "oss://b/a", targetUri: "oss://b/t", targetType: PDF, startPage:`;

  /** Sends the body as it stands, since JavaScript would write another number. */
  async function send(body: string): Promise<object> {
    const { url, upstream } = await startGatewayBefore(() => '{"TaskId":"t","RequestId":"r"}');
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/graphql`, { method: "POST", headers, body });
    const { errors = [] } = (await response.json()) as { errors?: { extensions: object }[] };
    return {
      codes: errors.map(({ extensions }) => extensions),
      sent: upstream.requests.map(({ query: sent }) => sent["StartPage"]),
    };
  }

  const literal = (value: string): string =>
    JSON.stringify({ query: `mutation { ${CREATE} ${value} }) { task { taskId } } }` });
  const variable = (value: string): string =>
    `{"query":${JSON.stringify(`mutation ($n: Long) { ${CREATE} $n }) { task { taskId } } }`)},"variables":{"n":${value}}}`;

  it.each([
    ["a small one", literal("7"), "7"],
    ["a long one", literal("9007199254740993"), "9007199254740993"],
    ["text", literal('"9223372036854775807"'), "9223372036854775807"],
    ["a small one, as a variable", variable("7"), "7"],
    ["text, as a variable", variable('"9007199254740993"'), "9007199254740993"],
  ])("is sent with its digits: %s", async (_case, body, sent) => {
    expect(await send(body)).toEqual({ codes: [], sent: [sent] });
  });

  it.each([
    ["a number that JSON has rounded", variable("9007199254740993")],
    ["a fraction", variable("1.5")],
    ["text that is none", variable('"7 pages"')],
    ["text in another base", variable('"0x10"')],
    ["empty text", variable('""')],
    ["more than 64 bits", variable('"9223372036854775808"')],
    ["more than 64 bits in the document", literal("9223372036854775808")],
    ["a fraction in the document", literal("1.5")],
  ])("is refused before any call: %s", async (_case, body) => {
    const refused = [
      expect.objectContaining({ code: expect.stringMatching(/BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED/) }),
    ];
    expect(await send(body)).toEqual({ codes: refused, sent: [] });
  });
});
