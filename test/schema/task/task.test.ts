import { describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION } from "../../../src/emulator/emulator.js";
import { toGlobalTaskId } from "../../../src/tasks/task-id.js";
import { keyArguments, query } from "../../support/query.js";
import { startGateway } from "../../support/start-gateway.js";
import { actionsOf } from "../../support/start-reader.js";
import { connect, subscribe } from "../../support/subscribe.js";
import { RUN } from "../../support/tasks.js";

describe("Query.task", () => {
  it("answers every field of a task that has ended", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({
      taskType: "MediaConvert",
      taskId: "MediaConvert-1",
      startedAgoMs: 60_000,
      durationMs: 20_000,
      userData: '{"a":[1]}',
      tags: { team: "video" },
      requestDefinition: '{\n\t"Password": "hunter2",\n\t"Sources": []\n}',
    });
    const { data, errors } = await query<{ task: Record<string, unknown> }>(
      url,
      `{ task(${keyArguments({ taskType: "MediaConvert", taskId: "MediaConvert-1" })}) {
        __typename id region projectName taskType taskId status statusText isDone progress error { code message } code message startTime
        endTime elapsedMs expiresAt eventId requestId userData userDataJson tags requestDefinition
        requestDefinitionText estimatedEndAt observedAt pollAfterMs } }`,
    );
    const startedAt = clock.now() - 60_000;
    expect(errors).toEqual([]);
    expect(data?.task).toEqual({
      __typename: "Task",
      id: toGlobalTaskId({
        region: EMULATOR_REGION,
        projectName: "immtest",
        taskType: "MediaConvert",
        taskId: "MediaConvert-1",
      }),
      region: "emulator",
      projectName: "immtest",
      taskType: "MediaConvert",
      taskId: "MediaConvert-1",
      status: "SUCCEEDED",
      statusText: "Succeeded",
      isDone: true,
      progress: 100,
      error: null,
      code: null,
      message: null,
      startTime: new Date(startedAt).toISOString().replace("Z", "000000Z"),
      endTime: new Date(startedAt + 20_000).toISOString().replace("Z", "000000Z"),
      elapsedMs: 20_000,
      expiresAt: new Date(startedAt + 7 * 86_400_000).toISOString(),
      eventId: expect.stringMatching(/./),
      requestId: expect.stringMatching(/^[0-9A-F-]{36}$/),
      userData: '{"a":[1]}',
      userDataJson: { a: [1] },
      tags: { team: "video" },
      requestDefinition: { Password: "[redacted]", Sources: [] },
      requestDefinitionText: '{"Password":"[redacted]","Sources":[]}',
      estimatedEndAt: null,
      observedAt: new Date(clock.now()).toISOString(),
      pollAfterMs: null,
    });
  });

  it("gives the failure of a task as data", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    emulator.failTask("run", "ResourceNotFound", "The object is gone.");
    const { data, errors } = await query(
      url,
      `{ task(${keyArguments(RUN)}) { status isDone error { code message } code message } }`,
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      task: {
        status: "FAILED",
        isDone: true,
        error: { code: "ResourceNotFound", message: "The object is gone." },
        code: "ResourceNotFound",
        message: "The object is gone.",
      },
    });
  });

  it("answers null for user data that is not JSON, and for a definition that IMM does not give", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "OfficeConversion", taskId: "o", userData: "plain", requestDefinition: "{}" });
    const { data, errors } = await query(
      url,
      `{ task(${keyArguments({ taskType: "OfficeConversion", taskId: "o" })}) { userData userDataJson requestDefinition tags } }`,
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({ task: { userData: "plain", userDataJson: null, requestDefinition: null, tags: null } });
  });

  it("answers null without an error for a definition that is not JSON, and its text", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, requestDefinition: '{"Password":"hunter2","Sou' });
    const { data, errors, text } = await query(
      url,
      `{ task(${keyArguments(RUN)}) { status requestDefinition outputs requestDefinitionText } }`,
    );
    expect(data).toEqual({
      task: {
        status: "RUNNING",
        requestDefinition: null,
        outputs: null,
        requestDefinitionText: '{"[redacted]',
      },
    });
    expect(errors).toEqual([]);
    expect(text).not.toContain("hunter2");
  });

  it("shows secrets only where the operator says so", async () => {
    const { url, emulator } = await startGateway({ gateway: { redactDefinitions: false } });
    emulator.addTask({ ...RUN, requestDefinition: '{"Password":"hunter2"}' });
    const { data } = await query(url, `{ task(${keyArguments(RUN)}) { requestDefinition requestDefinitionText } }`);
    expect(data).toEqual({
      task: { requestDefinition: { Password: "hunter2" }, requestDefinitionText: '{"Password":"hunter2"}' },
    });
  });

  it("answers the rest of a running task when only its progress cannot be had", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxRetries: 0 } });
    emulator.addTask(RUN);
    emulator.injectFault({ kind: "serverError", action: "ListTasks" });
    const { data, errors } = await query(url, `{ task(${keyArguments(RUN)}) { status progress } }`);
    expect(data).toEqual({ task: { status: "RUNNING", progress: null } });
    expect(errors).toMatchObject([{ path: ["task", "progress"], extensions: { code: "UPSTREAM_UNAVAILABLE" } }]);
  });

  it("hints when to ask again", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 50_000, durationMs: 10_000_000 });
    const { data } = await query(url, `{ task(${keyArguments(RUN)}) { pollAfterMs } }`);
    expect(data).toEqual({ task: { pollAfterMs: 2_000 } });
  });
});

describe("Task.estimatedEndAt", () => {
  const document = `{ task(${keyArguments(RUN)}) { estimatedEndAt progress } }`;

  it("is where the speed so far leads", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 30_000, durationMs: Infinity });
    emulator.setProgress("run", 25);
    const estimate = new Date(clock.now() + 90_000).toISOString();
    expect((await query(url, document)).data).toEqual({ task: { progress: 25, estimatedEndAt: estimate } });
  });

  it("is a guess by the type while the task shows nothing, and null when nobody knows", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 5_000, durationMs: Infinity });
    emulator.setProgress("run", 0);
    expect((await query(url, document)).data).toMatchObject({ task: { estimatedEndAt: null } });
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000, durationMs: 20_000 });
    await query(url, `{ task(${keyArguments({ ...RUN, taskId: "done" })}) { status } }`);
    const estimate = new Date(clock.now() + 15_000).toISOString();
    expect((await query(url, document)).data).toMatchObject({ task: { estimatedEndAt: estimate } });
  });
});

describe("Task.estimatedEndAt of a task whose pace tells nothing", () => {
  const document = `{ task(${keyArguments(RUN)}) { estimatedEndAt } }`;

  it("is null before a quarter is done, and past the usual duration of its type", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000, durationMs: 20_000 });
    await query(url, `{ task(${keyArguments({ ...RUN, taskId: "done" })}) { status } }`);
    emulator.addTask({ ...RUN, startedAgoMs: 20_000, durationMs: Infinity });
    for (const progress of [0, 1, 24]) {
      emulator.setProgress("run", progress);
      expect((await query(url, document)).data).toEqual({ task: { estimatedEndAt: null } });
    }
    expect((await query(url, document)).data).toEqual({ task: { estimatedEndAt: null } });
  });

  it("is null at a hundred percent: it may be over at any moment", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 20_000, durationMs: Infinity });
    emulator.setProgress("run", 100);
    expect((await query(url, document)).data).toEqual({ task: { estimatedEndAt: null } });
  });
});

describe("the calls that one request makes", () => {
  it("is one GetTask for fifty aliases of one task", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const aliases = Array.from({ length: 50 }, (_value, index) => `a${index}: task(${keyArguments(RUN)}) { status }`);
    const { data, errors } = await query(url, `{ ${aliases.join("\n")} }`);
    expect(errors).toEqual([]);
    expect(Object.keys(data ?? {})).toHaveLength(50);
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
    expect(emulator.calls[0]?.parameters).not.toHaveProperty("RequestDefinition");
  });

  it("is fifty for fifty tasks, and never more at once than the bound", async () => {
    const { url, emulator, clock } = await startGateway({ gateway: { maxConcurrentCalls: 7 } });
    emulator.injectFault({ kind: "latency", delayMs: 10 });
    const ids = Array.from({ length: 50 }, (_value, index) => `task-${index}`);
    for (const taskId of ids) emulator.addTask({ taskType: "FileCompression", taskId });
    const aliases = ids.map((taskId, index) => `a${index}: task(${keyArguments({ ...RUN, taskId })}) { taskId }`);
    let isOver = false;
    const answer = query(url, `{ ${aliases.join("\n")} }`).finally(() => (isOver = true));
    while (!isOver) await clock.advance(10);
    expect(Object.values((await answer).data ?? {})).toEqual(ids.map((taskId) => ({ taskId })));
    expect(emulator.calls).toHaveLength(50);
    expect(emulator.maxConcurrentCalls).toBe(7);
  });

  it("is one with the definition when one alias of two selects it, through fragments and directives", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, requestDefinition: '{"a":1}' });
    const { data, errors } = await query(
      url,
      `query ($no: Boolean!, $yes: Boolean!) {
        plain: task(${keyArguments(RUN)}) { status progress @skip(if: $yes) }
        rich: task(${keyArguments(RUN)}) { ...Rich progress @include(if: $no) }
      }
      fragment Rich on Task { ... on Task { requestDefinition @include(if: $yes) } }`,
      { no: false, yes: true },
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({ plain: { status: "RUNNING" }, rich: { requestDefinition: { a: 1 } } });
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
    expect(emulator.calls[0]?.parameters["RequestDefinition"]).toBe("true");
  });

  it("is none for a selection that is skipped", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, requestDefinition: '{"a":1}' });
    await query(
      url,
      `query ($no: Boolean!) { task(${keyArguments(RUN)}) { status requestDefinition @include(if: $no) progress @include(if: $no) } }`,
      { no: false },
    );
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
    expect(emulator.calls[0]?.parameters).not.toHaveProperty("RequestDefinition");
  });

  it("is none at all for ten tasks that have been seen finished", async () => {
    const { url, emulator, clock } = await startGateway();
    const ids = Array.from({ length: 10 }, (_value, index) => `task-${index}`);
    for (const taskId of ids) emulator.addTask({ taskType: "FileCompression", taskId, startedAgoMs: 60_000 });
    const keys = ids.map((taskId) => ({ projectName: "immtest", taskType: "FileCompression", taskId }));
    const document = "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { taskId status progress } }";
    const first = await query(url, document, { keys });
    emulator.clearCalls();
    await clock.advance(3_600_000);
    const second = await query(url, document, { keys });
    expect(second.text).toBe(first.text);
    expect(emulator.calls).toHaveLength(0);
  });

  it("is one for the same task in two requests at the same time", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask(RUN);
    emulator.injectFault({ kind: "latency", delayMs: 1_000 });
    let answered = 0;
    const answers = [0, 1].map(async () =>
      query(url, `{ task(${keyArguments(RUN)}) { status } }`).finally(() => (answered += 1)),
    );
    while (answered < 2) await clock.advance(100);
    for (const { data } of await Promise.all(answers)) expect(data).toEqual({ task: { status: "RUNNING" } });
    expect(emulator.calls).toHaveLength(1);
  });

  it("is none for the catalogue of task types", async () => {
    const { url, emulator } = await startGateway();
    const { data } = await query<{ taskTypes: { name: string }[] }>(
      url,
      "{ taskTypes { name operation mutation hasRequestDefinition takesTags takesUserData takesCredentialConfig eventType stage } }",
    );
    expect(data?.taskTypes).toHaveLength(19);
    expect(data?.taskTypes.find(({ name }) => name === "PointCloudCompress")).toEqual({
      name: "PointCloudCompress",
      operation: "CreateCompressPointCloudTask",
      mutation: "createCompressPointCloudTask",
      hasRequestDefinition: true,
      takesTags: true,
      takesUserData: true,
      takesCredentialConfig: true,
      eventType: "imm:Task:PointCloudCompression",
      stage: "GENERAL",
    });
    expect(emulator.calls).toHaveLength(0);
  });
});

describe("a document that is small and means much", () => {
  it("is refused in no time, however many paths its fragments make, at every door", async () => {
    const { url, emulator } = await startGateway();
    const depth = 40;
    const fragments = Array.from({ length: depth }, (_value, level) =>
      level === depth - 1
        ? `fragment F${level} on Task { status }`
        : `fragment F${level} on Task { ...F${level + 1} ...F${level + 1} }`,
    );
    const document = `{ task(${keyArguments(RUN)}) { ...F0 } } ${fragments.join(" ")}`;
    const expected = [{ extensions: { code: "BAD_USER_INPUT", argument: null } }];
    const answer = await query(url, document);
    expect([answer.status, answer.errors]).toMatchObject([400, expected]);
    expect(await subscribe(connect(url), document).failure()).toMatchObject(expected);
    expect(emulator.calls).toHaveLength(0);
  });

  it("is refused when a list multiplies what is below it", async () => {
    const { url, emulator } = await startGateway();
    const id = toGlobalTaskId({ region: EMULATOR_REGION, projectName: "immtest", ...RUN });
    const fields = Array.from({ length: 300 }, (_value, index) => `f${index}: id`).join(" ");
    const ids = Array.from({ length: 100 }, () => id);
    const { status, errors } = await query(url, `query ($ids: [ID!]!) { nodes(ids: $ids) { ${fields} } }`, { ids });
    expect([status, errors[0]?.message]).toEqual([
      400,
      "Expected an operation of at most 20000 fields, those below a list argument or `first` counted once per item.",
    ]);
    expect(emulator.calls).toHaveLength(0);
  });

  it("may not wait for more tasks than it may ask for", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxTasksPerOperation: 2 } });
    const aliases = ["a", "b", "c"].map((taskId) => `${taskId}: awaitTask(${keyArguments({ ...RUN, taskId })}) { id }`);
    const { errors } = await query(url, `{ ${aliases.join(" ")} }`);
    expect(errors.map(({ extensions }) => extensions["code"]).filter((code) => code === "BAD_USER_INPUT")).toHaveLength(
      1,
    );
    expect(emulator.calls).toHaveLength(2);
  });
});

describe("Query.tasksByKey", () => {
  const document = "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { taskId } }";

  it("answers in the order of the keys, with an error at the place of each that fails", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "a" });
    emulator.addTask({ taskType: "FileCompression", taskId: "b" });
    const keys = ["b", "nobody", "a", "", "b"].map((taskId) => ({ ...RUN, projectName: "immtest", taskId }));
    const { data, errors } = await query(url, document, { keys });
    expect(data).toEqual({ tasksByKey: [{ taskId: "b" }, null, { taskId: "a" }, null, { taskId: "b" }] });
    const byPath = Object.fromEntries(errors.map(({ path, extensions }) => [path?.join("."), extensions["code"]]));
    expect(byPath).toEqual({ "tasksByKey.1": "NOT_FOUND", "tasksByKey.3": "BAD_USER_INPUT" });
    expect(emulator.calls).toHaveLength(3);
  });

  it("asks IMM for a type that it does not know, and hints at what was meant where IMM does not find the task", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "SomethingNew", taskId: "new" });
    const keys = [
      { projectName: "immtest", taskType: "FigureClustering", taskId: "a" },
      { projectName: "immtest", taskType: "FaceClustering", taskId: "a" },
      { projectName: "immtest", taskType: "SomethingNew", taskId: "new" },
    ];
    const { data, errors } = await query(url, document, { keys });
    expect(data).toEqual({ tasksByKey: [null, null, { taskId: "new" }] });
    const refusal =
      "IMM knows no such task: the project, type or id is wrong, or the task started more than 7 days ago.";
    expect(errors).toMatchObject([
      {
        message: `${refusal} The gateway knows no task type \`FigureClustering\`; did you mean \`FaceClustering\`?`,
        path: ["tasksByKey", 0],
        extensions: { code: "NOT_FOUND", imm: { code: "ResourceNotFound", requestId: expect.any(String) } },
      },
      { message: refusal, path: ["tasksByKey", 1] },
    ]);
    expect(emulator.calls).toHaveLength(3);
  });

  it("hints at the type also where IMM refuses the argument", async () => {
    const { url, emulator } = await startGateway();
    emulator.injectFault({ kind: "refuse", code: "InvalidTaskType" });
    const keys = [{ projectName: "immtest", taskType: "FileCompresion", taskId: "a" }];
    expect((await query(url, document, { keys })).errors).toMatchObject([
      {
        message: expect.stringMatching(/^IMM refused `taskType` .* did you mean `FileCompression`\?$/),
        extensions: { code: "BAD_USER_INPUT", argument: "taskType" },
      },
    ]);
  });

  it("says which of the keys is malformed, and answers the others", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const keys = [
      { projectName: "immtest", ...RUN },
      { projectName: "immtest", ...RUN, taskId: "" },
    ];
    expect(await query(url, document, { keys })).toMatchObject({
      data: { tasksByKey: [expect.any(Object), null] },
      errors: [{ path: ["tasksByKey", 1], extensions: { code: "BAD_USER_INPUT", argument: "keys[1].taskId" } }],
    });
  });

  it.each([0, 101])("refuses %d keys", async (count) => {
    const { url, emulator } = await startGateway();
    const keys = Array.from({ length: count }, (_value, index) => ({ ...RUN, projectName: "p", taskId: `t${index}` }));
    const { data, errors } = await query(url, document, { keys });
    expect(data).toBeNull();
    expect(errors).toMatchObject([
      {
        message: `Expected \`keys\` to hold 1 to 100 items, got ${count}.`,
        extensions: { code: "BAD_USER_INPUT", argument: "keys" },
      },
    ]);
    expect(emulator.calls).toHaveLength(0);
  });
});

describe("Query.node and Query.nodes", () => {
  it("find a task by the id that it gave, with what is selected through the interface", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, requestDefinition: '{"a":1}' });
    const id = toGlobalTaskId({ region: EMULATOR_REGION, projectName: "immtest", ...RUN });
    const { data, errors } = await query(
      url,
      `{ node(id: "${id}") { __typename id ... on Task { requestDefinition } } nodes(ids: ["${id}"]) { id } }`,
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({ node: { __typename: "Task", id, requestDefinition: { a: 1 } }, nodes: [{ id }] });
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("say at its place which id is none, and answer the others", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const id = toGlobalTaskId({ region: EMULATOR_REGION, projectName: "immtest", ...RUN });
    const { data, errors } = await query(url, `{ node(id: "x") { id } nodes(ids: ["y", "${id}"]) { id } }`);
    expect(data).toEqual({ node: null, nodes: [null, { id }] });
    expect(errors.map(({ path, extensions }) => [path, extensions["code"], extensions["argument"]])).toEqual([
      [["node"], "BAD_USER_INPUT", "id"],
      [["nodes", 0], "BAD_USER_INPUT", "ids"],
    ]);
  });
});
