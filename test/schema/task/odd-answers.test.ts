/** What IMM gives in another shape than documented costs its own field, and nothing beside it. */

import { describe, expect, it } from "@jest/globals";
import type { FormattedExecutionResult } from "graphql";
import { keyArguments, query, refusalsOf, USER_ERRORS } from "../../support/query.js";
import type { WireRequest } from "../../support/serve-imm.js";
import { startGatewayBefore, type GatewayBefore } from "../../support/start-before.js";
import { subscribeByMultipart, subscribeBySse } from "../../support/stream-request.js";
import { connect, subscribe } from "../../support/subscribe.js";

/** JSON text of an object that is nested so deep. */
function nested(levels: number): string {
  return `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
}

const DEEP = nested(6_000);

/** JSON text of a task of IMM; `members` are JSON texts themselves. */
function taskText(taskId: string, members: Readonly<Record<string, string>> = {}): string {
  const task = { TaskType: '"FileCompression"', TaskId: `"${taskId}"`, Status: '"Running"', ...members };
  return `{${Object.entries(task)
    .map(([name, text]) => `"${name}":${text}`)
    .join()}}`;
}

function page(...tasks: readonly string[]): string {
  return `{"RequestId":"R-1","Tasks":[${tasks.join()}]}`;
}

/** Serves GetTask by this text, whichever task is asked for, and lists by this page. */
async function before(task: string, list = page(task)): Promise<GatewayBefore> {
  return startGatewayBefore(({ action }) => (action === "GetTask" ? task : list));
}

function refusalAt(...path: readonly (string | number)[]): object {
  return expect.objectContaining({
    path,
    extensions: expect.objectContaining({ code: "UPSTREAM_INVALID_RESPONSE" }),
  });
}

const BY_START = "orderBy: { field: START_TIME, direction: ASC }";
const KEY = keyArguments({ taskType: "FileCompression", taskId: "a" });

describe("tags that are nested too deep", () => {
  const PAGE = page(
    taskText("a", { Tags: DEEP }),
    taskText("b", { Tags: nested(64) }),
    taskText("c", { Tags: '{"team":"video"}' }),
  );

  it("are an error at their field in a list, and the rest of the page is there", async () => {
    const { url, upstream } = await before("", PAGE);
    const answer = await query(url, `{ tasks(projectName: "immtest") { nodes { taskId status tags } } }`);
    expect(answer.status).toBe(200);
    expect(answer.errors).toEqual([refusalAt("tasks", "nodes", 0, "tags")]);
    expect(answer.data).toEqual({
      tasks: {
        nodes: [
          { taskId: "a", status: "RUNNING", tags: null },
          { taskId: "b", status: "RUNNING", tags: JSON.parse(nested(64)) },
          { taskId: "c", status: "RUNNING", tags: { team: "video" } },
        ],
      },
    });
    expect(upstream.requests).toHaveLength(1);
  });

  it("are an error at their field of one task, and cost no second call", async () => {
    const { url, upstream } = await before(taskText("a", { Tags: DEEP }));
    const answer = await query(url, `{ task(${KEY}) { taskId status tags } }`);
    expect(answer.data).toEqual({ task: { taskId: "a", status: "RUNNING", tags: null } });
    expect(answer.errors).toEqual([refusalAt("task", "tags")]);
    expect(upstream.requests).toHaveLength(1);
  });

  it("are an error at their field in a stream, on each transport, and the other tasks' events come", async () => {
    const { url } = await before("", PAGE);
    const document = `subscription { projectEvents(projectName: "immtest") { task { taskId tags } } }`;
    const [bySse, byMultipart] = [await subscribeBySse(url, document), await subscribeByMultipart(url, document)];
    const bySocket = subscribe(connect(url), document);
    const readers = [
      async () => bySocket.next(),
      async () => bySse.result(),
      async () => (await byMultipart.next())?.["payload"] as FormattedExecutionResult,
    ];
    for (const next of readers) {
      expect(await next()).toMatchObject({
        data: { projectEvents: { task: { taskId: "a", tags: null } } },
        errors: [refusalAt("projectEvents", "task", "tags")],
      });
      expect(await next()).toEqual({
        data: { projectEvents: { task: { taskId: "b", tags: JSON.parse(nested(64)) } } },
      });
      expect(await next()).toEqual({ data: { projectEvents: { task: { taskId: "c", tags: { team: "video" } } } } });
    }
  });

  it("do not keep a task's changes from its followers", async () => {
    let progress = 1;
    const { url, clock } = await startGatewayBefore(({ action }) => {
      const task = taskText("a", { Tags: DEEP, Progress: String(progress), StartTime: '"2026-01-01T00:00:00Z"' });
      return action === "GetTask" ? task : page(task);
    });
    const stream = subscribe(connect(url), `subscription { taskProgress(${KEY}) { progress tags } }`);
    for (const shown of [1, 2, 3]) {
      const next = stream.next();
      if (shown > 1) {
        progress = shown;
        await clock.advance(60_000);
      }
      expect(await next).toMatchObject({ data: { taskProgress: { progress: shown, tags: null } } });
    }
  });
});

describe("texts that hold JSON nested too deep", () => {
  it("are an error where the JSON is asked for; user data stays as text", async () => {
    const { url } = await before(
      taskText("a", { TaskRequestDefinition: JSON.stringify(DEEP), UserData: JSON.stringify(DEEP) }),
    );
    const answer = await query(
      url,
      `{ task(${KEY}) { status requestDefinition requestDefinitionText outputs userData userDataJson } }`,
    );
    expect(answer.data).toEqual({
      task: {
        status: "RUNNING",
        requestDefinition: null,
        requestDefinitionText: null,
        outputs: null,
        userData: DEEP,
        userDataJson: null,
      },
    });
    expect(answer.errors).toEqual(
      ["requestDefinition", "requestDefinitionText", "outputs", "userDataJson"].map((name) => refusalAt("task", name)),
    );
  });
});

describe("members of another shape", () => {
  it.each([
    ["a truth", "true"],
    ["an object", "{}"],
    ["a list", '["x"]'],
    ["what is nested too deep", DEEP],
  ])("are an error at their field each: %s", async (_title, odd) => {
    const names = ["Code", "Message", "StartTime", "EndTime", "UserData", "EventId", "TaskRequestDefinition"];
    const members = Object.fromEntries(names.map((name) => [name, odd]));
    const task = taskText("a", { ...members, Progress: odd, RequestId: odd, Status: '"Failed"', Tags: "[]" });
    const { url } = await before(task);
    const fields = `status code message startTime endTime userData eventId progress tags requestDefinition`;
    const answer = await query(url, `{ task(${KEY}) { taskId error { code message } ${fields} } }`);
    expect(answer.data?.["task"]).toMatchObject({ taskId: "a", status: "FAILED", error: { code: null }, tags: null });
    expect(answer.data?.["task"]).toMatchObject({ progress: null });
    expect(answer.errors).toHaveLength(10);
    expect(answer.errors).toEqual(
      expect.arrayContaining([
        refusalAt("task", "error", "code"),
        refusalAt("task", "eventId"),
        refusalAt("task", "tags"),
      ]),
    );
    expect(await query(url, `{ task(${KEY}) { elapsedMs expiresAt pollAfterMs } }`)).toMatchObject({ errors: [] });
  });

  it.each([
    "5",
    '"2026-11-26"',
    '"2026-11-26 10:00:00"',
    '"2026-11-26T10:00:00"',
    '"Thu, 26 Nov 2026 10:00:00 GMT"',
    '"2026-02-30T10:00:00Z"',
    '"2026-11-26T24:00:00Z"',
    '"2026-11-26T10:00:00|08:00"',
  ])("are what is no instant of RFC 3339: %s", async (odd) => {
    const task = taskText("a", { StartTime: odd, EndTime: odd });
    const { url } = await before(task);
    const times = "startTime endTime elapsedMs expiresAt";
    const nothing = { startTime: null, endTime: null, elapsedMs: null, expiresAt: null };
    const one = await query(url, `{ task(${KEY}) { ${times} } }`);
    expect(one.data).toEqual({ task: nothing });
    expect(one.errors).toEqual([refusalAt("task", "startTime"), refusalAt("task", "endTime")]);
    const list = await query(url, `{ tasks(projectName: "immtest", ${BY_START}) { nodes { ${times} } } }`);
    expect(list.data).toEqual({ tasks: { nodes: [nothing] } });
    expect(list.errors).toEqual(["startTime", "endTime"].map((name) => refusalAt("tasks", "nodes", 0, name)));
  });

  it("are a start that is none, and the cursor of a list that is ordered by it is good", async () => {
    const { url } = await before("", page(taskText("a", { StartTime: '"soon"' }), taskText("b")));
    const list = (after: string): string =>
      `{ tasks(projectName: "immtest", first: 1, ${BY_START}, ${after}) { nodes { taskId } pageInfo { endCursor } } }`;
    const first = await query(url, list("after: null"));
    const { tasks } = first.data as { tasks: { pageInfo: { endCursor: string } } };
    const second = await query(url, list(`after: ${JSON.stringify(tasks.pageInfo.endCursor)}`));
    expect(second).toMatchObject({ data: { tasks: { nodes: [{ taskId: "b" }] } }, errors: [] });
  });

  it("do not take the page of a list with them", async () => {
    const odd = ["null", "7", "{}", taskText("", {}), taskText("x", { TaskType: "null" })];
    const { url } = await before("", page(...odd, taskText("b", { Status: "null" }), taskText("c", { Tags: '"x"' })));
    const answer = await query(url, `{ tasks(projectName: "immtest") { nodes { taskId status } } }`);
    expect(answer.errors).toEqual([]);
    expect(answer.data).toEqual({
      tasks: {
        nodes: [
          { taskId: "b", status: "UNKNOWN" },
          { taskId: "c", status: "RUNNING" },
        ],
      },
    });
  });

  it("are no outage, however many tasks have them", async () => {
    const { url, upstream } = await before(taskText("a", { Tags: DEEP }), page(taskText("a", { Tags: "7" })));
    for (let time = 0; time < 30; time += 1) {
      await query(url, `{ tasks(projectName: "immtest") { nodes { taskId tags } } }`);
    }
    expect(upstream.requests).toHaveLength(30);
    const answer = await query(url, `{ tasks(projectName: "immtest") { nodes { taskId } } }`);
    expect(answer.data).toEqual({ tasks: { nodes: [{ taskId: "a" }] } });
  });

  it("of a result are errors at their fields, and a result without an outcome is read again", async () => {
    const outcome = `{"URI":{},"Frames":{"TotalCount":2,"BlockFrames":[null,{"Label":"l","Rate":[]}]}}`;
    let result = "[]";
    const { url, upstream } = await startGatewayBefore(({ action }) =>
      action === "GetTask"
        ? taskText("a", { Status: '"Succeeded"', TaskType: '"VideoModeration"' })
        : `{"Code":{},"ModerationResult":${result}}`,
    );
    const key = keyArguments({ taskType: "VideoModeration", taskId: "a" });
    const fields = `uri suggestion frames { totalCount blocked { label confidencePercent } }`;
    const document = `{ task(${key}) { status result { ... on VideoModerationResult { ${fields} } } } }`;
    const first = await query(url, document);
    expect(first.data).toEqual({ task: { status: "SUCCEEDED", result: null } });
    expect(first.errors).toEqual([refusalAt("task", "result")]);

    result = outcome;
    const second = await query(url, document);
    expect(second.errors).toContainEqual(refusalAt("task", "result", "uri"));
    expect(JSON.stringify(second.data)).toContain('"totalCount":2');
    await query(url, document);
    expect(upstream.requests.map(({ action }) => action)).toEqual([
      "GetTask",
      "GetVideoModerationResult",
      "GetVideoModerationResult",
    ]);
  });
});

describe("a rerun", () => {
  const RERUN = `mutation ($id: ID!) { rerunTask(input: { id: $id }) { task { taskId } ${USER_ERRORS} } }`;

  async function rerun(members: Readonly<Record<string, string>>): Promise<object> {
    const definition = JSON.stringify({ DatasetName: "d" });
    const actions: string[] = [];
    const { url } = await startGatewayBefore(({ action }: WireRequest) => {
      actions.push(action);
      return taskText("a", {
        TaskType: '"FaceClustering"',
        TaskRequestDefinition: JSON.stringify(definition),
        ...members,
      });
    });
    const key = keyArguments({ taskType: "FaceClustering", taskId: "a" });
    const { data } = await query<{ task: { id: string } }>(url, `{ task(${key}) { id } }`);
    return {
      codes: refusalsOf(await query(url, RERUN, { id: data?.task.id })).map(({ code }) => code),
      creates: actions.filter((a) => a.startsWith("Create")),
    };
  }

  it("starts no task without what it cannot read of the pattern", async () => {
    expect(await rerun({ Tags: DEEP })).toEqual({ codes: ["UPSTREAM_INVALID_RESPONSE"], creates: [] });
    expect(await rerun({ UserData: "{}" })).toEqual({ codes: ["UPSTREAM_INVALID_RESPONSE"], creates: [] });
    expect(await rerun({ TaskRequestDefinition: JSON.stringify(DEEP) })).toEqual({
      codes: ["UPSTREAM_INVALID_RESPONSE"],
      creates: [],
    });
    const tagsInText = JSON.stringify(JSON.stringify({ Tags: DEEP, DatasetName: "d" }));
    expect(await rerun({ TaskRequestDefinition: tagsInText })).toEqual({ codes: ["INVALID_INPUT"], creates: [] });
  });

  it("is made of what it can read", async () => {
    expect(await rerun({ Tags: nested(60), Code: "{}" })).toEqual({
      codes: [],
      creates: ["CreateFigureClusteringTask"],
    });
  });
});

describe("a word of status that nobody knows", () => {
  const document = `subscription { taskProgress(${KEY}) { status isDone progress error { code } endTime pollAfterMs } }`;

  it("ends a task together with an end time: its stream completes, and it is kept like a final one", async () => {
    let members: Record<string, string> = {};
    const { url, clock, upstream } = await startGatewayBefore(({ action }) => {
      const task = taskText("a", members);
      return action === "GetTask" ? task : page(...(members["Status"] === undefined ? [task] : []));
    });
    const stream = subscribe(connect(url), document);
    expect(await stream.next()).toMatchObject({ data: { taskProgress: { status: "RUNNING", isDone: false } } });
    members = { Status: '"Canceled"', EndTime: '"2026-01-15T08:00:00Z"', Progress: "40", Code: '"Canceled"' };
    const next = stream.next();
    await clock.advance(60_000);
    expect(await next).toMatchObject({
      data: {
        taskProgress: {
          status: "UNKNOWN",
          isDone: true,
          error: null,
          endTime: "2026-01-15T08:00:00Z",
          pollAfterMs: null,
        },
      },
    });
    expect(await stream.rest()).toEqual([]);
    const calls = upstream.requests.length;
    await clock.advance(600_000);
    const { data } = await query(url, `{ task(${KEY}) { isDone status } }`);
    expect(data).toEqual({ task: { isDone: true, status: "UNKNOWN" } });
    expect(upstream.requests).toHaveLength(calls);
  });

  it.each([
    ["a word without an end time", { Status: '"Canceled"' }],
    ["a word with an end time that is none", { Status: '"Canceled"', EndTime: '"later"' }],
    ["no word", { Status: "null", EndTime: '"2026-01-15T08:00:00Z"' }],
  ])("ends none by itself: %s", async (_title, members) => {
    const { url } = await before("", page(taskText("a", members)));
    const answer = await query(url, `{ tasks(projectName: "immtest") { nodes { status isDone pollAfterMs } } }`);
    expect(answer.data).toEqual({
      tasks: { nodes: [{ status: "UNKNOWN", isDone: false, pollAfterMs: expect.any(Number) }] },
    });
  });
});
