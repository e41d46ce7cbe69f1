import { describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION, type Emulator } from "../../../src/emulator/emulator.js";
import { parseEndpoint } from "../../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../../src/imm/wire/openapi-client.js";
import { createGateway } from "../../../src/server/gateway.js";
import { toGlobalTaskId } from "../../../src/tasks/task-id.js";
import { keyArguments, query } from "../../support/query.js";
import { disposeAfterTest, QUICK_LIMITS, startGateway } from "../../support/start-gateway.js";
import { actionsOf } from "../../support/start-reader.js";

interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

interface Listing {
  readonly tasks: {
    readonly nodes: readonly { readonly taskId: string; readonly eventId?: string | null }[];
    readonly edges: readonly { readonly cursor: string; readonly node: { readonly taskId: string } }[];
    readonly pageInfo: PageInfo;
  };
}

const PAGE_INFO = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";

/** Every second one runs until somebody ends it. Ids sort as their numbers. */
function addTasks(emulator: Emulator, count: number): readonly string[] {
  const ids = Array.from({ length: count }, (_value, index) => `task-${String(index).padStart(4, "0")}`);
  for (const [index, taskId] of ids.entries()) {
    const isDone = index % 2 === 1;
    emulator.addTask({
      taskType: "FileCompression",
      taskId,
      startedAgoMs: (count - index) * 10,
      durationMs: isDone ? 5 : Infinity,
    });
  }
  return ids;
}

/** A second gateway in front of the same IMM. */
async function startAnother(emulator: Emulator): Promise<string> {
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(emulator.url),
    accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "test",
  });
  const gateway = createGateway({ region: EMULATOR_REGION, port: 0, ...QUICK_LIMITS, openApi });
  disposeAfterTest(async () => gateway.stop());
  return (await gateway.start()).url;
}

describe("Query.tasks", () => {
  it("is a Relay connection over the tasks as IMM lists them", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ taskType: "MediaConvert", taskId: "a", startedAgoMs: 10_000, durationMs: Infinity });
    emulator.setProgress("a", 25);
    emulator.addTask({ taskType: "FileCompression", taskId: "b", tags: { team: "x" }, userData: "u" });
    emulator.failTask("b", "ResourceNotFound", "The object is gone.");
    emulator.addTask({ taskType: "FileCompression", taskId: "c" });
    const { data, errors } = await query<Listing>(
      url,
      `{ tasks(projectName: "immtest", first: 2) { __typename
          edges { __typename cursor node { __typename id taskId taskType projectName status progress isDone } }
          nodes { taskId error { code message } tags userData startTime expiresAt requestId }
          ${PAGE_INFO} } }`,
    );
    const idOf = (taskType: string, taskId: string): string =>
      toGlobalTaskId({ region: EMULATOR_REGION, projectName: "immtest", taskType, taskId });
    const now = clock.now();
    const common = { requestId: expect.stringMatching(/^[0-9A-F-]{36}$/) };
    expect(errors).toEqual([]);
    expect(data).toEqual({
      tasks: {
        __typename: "TaskConnection",
        edges: [
          {
            __typename: "TaskEdge",
            cursor: expect.stringMatching(/^[\w-]+$/),
            node: {
              __typename: "Task",
              id: idOf("MediaConvert", "a"),
              taskId: "a",
              taskType: "MediaConvert",
              projectName: "immtest",
              status: "RUNNING",
              progress: 25,
              isDone: false,
            },
          },
          {
            __typename: "TaskEdge",
            cursor: expect.stringMatching(/^[\w-]+$/),
            node: {
              __typename: "Task",
              id: idOf("FileCompression", "b"),
              taskId: "b",
              taskType: "FileCompression",
              projectName: "immtest",
              status: "FAILED",
              progress: null,
              isDone: true,
            },
          },
        ],
        nodes: [
          {
            ...common,
            taskId: "a",
            error: null,
            tags: null,
            userData: null,
            startTime: new Date(now - 10_000).toISOString().replace("Z", "000000Z"),
            expiresAt: new Date(now - 10_000 + 7 * 86_400_000).toISOString(),
          },
          {
            ...common,
            taskId: "b",
            error: { code: "ResourceNotFound", message: "The object is gone." },
            tags: { team: "x" },
            userData: "u",
            startTime: new Date(now).toISOString().replace("Z", "000000Z"),
            expiresAt: new Date(now + 7 * 86_400_000).toISOString(),
          },
        ],
        pageInfo: {
          hasNextPage: true,
          hasPreviousPage: false,
          startCursor: data?.tasks.edges[0]?.cursor,
          endCursor: data?.tasks.edges[1]?.cursor,
        },
      },
    });
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
    expect(emulator.calls[0]?.parameters).toMatchObject({ MaxResults: "2", Sort: "TaskId", Order: "asc" });
    expect(emulator.calls[0]?.parameters).not.toHaveProperty("RequestDefinition");
  });

  it("gives each of 5000 tasks exactly once by parts of 70, while tasks finish in between", async () => {
    const { url, emulator } = await startGateway();
    const ids = addTasks(emulator, 5_000);
    const running = new Set(ids.filter((_id, index) => index % 2 === 0));
    const seen: string[] = [];
    const infos: PageInfo[] = [];
    let after: string | null = null;
    do {
      const { data, errors } = await query<Listing>(
        url,
        `query ($after: String) { tasks(projectName: "immtest", first: 70, after: $after) { nodes { taskId status } ${PAGE_INFO} } }`,
        { after },
      );
      expect(errors).toEqual([]);
      seen.push(...(data?.tasks.nodes.map(({ taskId }) => taskId) ?? []));
      infos.push(data?.tasks.pageInfo as PageInfo);
      after = infos.at(-1)?.endCursor ?? null;
      // Some that have been given, and some that have not.
      for (const offset of [-70, -2, 0, 40]) {
        const taskId = ids[seen.length + offset] ?? "";
        if (running.delete(taskId)) emulator.finishTask(taskId);
      }
    } while (infos.at(-1)?.hasNextPage === true);
    expect(seen).toEqual(ids);
    expect(infos.map(({ hasPreviousPage }) => hasPreviousPage)).toEqual([false, ...infos.slice(1).map(() => true)]);
    expect(running.size).toBeLessThan(2_400);
    expect(emulator.calls).toHaveLength(72);
    expect(new Set(actionsOf(emulator))).toEqual(new Set(["ListTasks"]));
  }, 60_000);

  it("gives a thousand tasks for ten calls", async () => {
    const { url, emulator } = await startGateway();
    const ids = addTasks(emulator, 1_001);
    const { data } = await query<Listing>(
      url,
      `{ tasks(projectName: "immtest", first: 1000) { nodes { taskId } ${PAGE_INFO} } }`,
    );
    expect(data?.tasks.nodes.map(({ taskId }) => taskId)).toEqual(ids.slice(0, 1_000));
    expect(data?.tasks.pageInfo.hasNextPage).toBe(true);
    expect(emulator.calls).toHaveLength(10);
  });

  it("gives as many as it may, in ascending order, where the query says neither", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxListedTasks: 2 } });
    for (const [index, taskId] of ["a", "b", "c"].entries()) {
      emulator.addTask({ taskType: "FileCompression", taskId, startedAgoMs: 60_000 - index * 1_000 });
    }
    const { data, errors } = await query(
      url,
      `{ tasks(projectName: "immtest", orderBy: { field: START_TIME }) { nodes { taskId } }
         __type(name: "Query") { fields { name args { name defaultValue } } } }`,
    );
    expect(errors).toEqual([]);
    expect(data).toMatchObject({ tasks: { nodes: [{ taskId: "a" }, { taskId: "b" }] } });
    expect(JSON.stringify(data)).toContain('{"name":"first","defaultValue":"2"}');
  });

  it("gives a hundred tasks for one call when nothing is said", async () => {
    const { url, emulator } = await startGateway();
    addTasks(emulator, 120);
    const { data } = await query<Listing>(url, `{ tasks(projectName: "immtest", first: null) { nodes { taskId } } }`);
    expect(data?.tasks.nodes).toHaveLength(100);
    expect(emulator.calls).toHaveLength(1);
  });

  it("has no cursors when it is empty", async () => {
    const { url } = await startGateway();
    const { data } = await query<Listing>(
      url,
      `{ tasks(projectName: "immtest") { nodes { taskId } edges { cursor } ${PAGE_INFO} } }`,
    );
    expect(data?.tasks).toEqual({
      nodes: [],
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  it("goes on behind any edge, on another instance too", async () => {
    const { url, emulator } = await startGateway();
    const ids = addTasks(emulator, 250);
    const other = await startAnother(emulator);
    const { data } = await query<Listing>(
      url,
      `{ tasks(projectName: "immtest", first: 200) { edges { cursor node { taskId } } } }`,
    );
    for (const index of [0, 42, 99, 150, 199]) {
      const document = `query ($after: String) { tasks(projectName: "immtest", first: 60, after: $after) { nodes { taskId } } }`;
      const rest = await query<Listing>(other, document, { after: data?.tasks.edges[index]?.cursor });
      expect(rest.errors).toEqual([]);
      expect(rest.data?.tasks.nodes.map(({ taskId }) => taskId)).toEqual(ids.slice(index + 1, index + 61));
    }
  });

  it("hands filter and order to IMM, instants with their nanoseconds", async () => {
    const { url, emulator } = await startGateway();
    const document = `query ($filter: TaskFilter, $orderBy: TaskOrder) {
      tasks(projectName: "immtest", filter: $filter, orderBy: $orderBy) { nodes { taskId } } }`;
    const { errors } = await query(url, document, {
      filter: {
        taskTypes: ["MediaConvert"],
        status: "SUCCEEDED",
        tag: { key: "team", value: "video" },
        startTime: { from: "2026-01-15T08:00:00.123456789+08:00", to: "2026-01-16T00:00:00Z" },
        endTime: { to: "2026-01-17T00:00:00Z" },
      },
      orderBy: { field: "END_TIME", direction: "DESC" },
    });
    expect(errors).toEqual([]);
    expect(emulator.calls[0]?.parameters).toMatchObject({
      TaskTypes: '["MediaConvert"]',
      Status: "Succeeded",
      TagSelector: "team=video",
      StartTimeRange: '{"Start":"2026-01-15T08:00:00.123456789+08:00","End":"2026-01-16T00:00:00Z"}',
      EndTimeRange: '{"End":"2026-01-17T00:00:00Z"}',
      Sort: "EndTime",
      Order: "desc",
    });
  });
});

describe("what a list does not tell", () => {
  it("costs one GetTask for each task of which the event id is selected, each at its place", async () => {
    const { url, emulator } = await startGateway();
    addTasks(emulator, 120);
    const document = `{ tasks(projectName: "immtest", first: 100) { nodes { taskId eventId } edges { node { eventId } } } }`;
    const { data, errors } = await query<Listing>(url, document);
    expect(errors).toEqual([]);
    expect(data?.tasks.nodes).toHaveLength(100);
    for (const { eventId } of data?.tasks.nodes ?? []) expect(eventId).toMatch(/^[0-9A-F]{3}-1/);
    expect(actionsOf(emulator).filter((action) => action === "GetTask")).toHaveLength(100);
    expect(emulator.calls).toHaveLength(101);
    emulator.clearCalls();
    await query(url, document);
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
  });

  it.each(["progress", "eventId @skip(if: true)", "requestDefinition"])(
    "is nothing where %s is selected",
    async (field) => {
      const { url, emulator } = await startGateway();
      addTasks(emulator, 20);
      await query(url, `{ tasks(projectName: "immtest") { nodes { taskId ${field} } } }`);
      expect(actionsOf(emulator)).toEqual(["ListTasks"]);
    },
  );

  it("is null, with an error at its path, for the one task of which it cannot be had", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxRetries: 0 } });
    addTasks(emulator, 3);
    emulator.injectFault({ kind: "serverError", action: "GetTask", times: 1 });
    const { data, errors } = await query<Listing>(
      url,
      `{ tasks(projectName: "immtest") { nodes { taskId status eventId } } }`,
    );
    const failed = data?.tasks.nodes.filter(({ eventId }) => eventId === null) ?? [];
    expect(data?.tasks.nodes).toHaveLength(3);
    expect(failed).toHaveLength(1);
    expect(errors).toMatchObject([
      {
        path: ["tasks", "nodes", data?.tasks.nodes.indexOf(failed[0] as never), "eventId"],
        extensions: { code: "UPSTREAM_UNAVAILABLE" },
      },
    ]);
  });

  it("costs nothing, and counts for nothing, where it is known", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxTasksPerOperation: 2 } });
    for (const taskId of addTasks(emulator, 3)) {
      await query(url, `{ task(${keyArguments({ taskType: "FileCompression", taskId })}) { eventId } }`);
    }
    emulator.clearCalls();
    const { data, errors } = await query<Listing>(
      url,
      `{ tasks(projectName: "immtest") { nodes { taskId eventId } } }`,
    );
    expect(errors).toEqual([]);
    expect(data?.tasks.nodes.every(({ eventId }) => typeof eventId === "string")).toBe(true);
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
  });

  it("is bounded by the tasks that one operation may ask for", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxTasksPerOperation: 5 } });
    addTasks(emulator, 8);
    const { data, errors } = await query<Listing>(
      url,
      `{ tasks(projectName: "immtest") { nodes { taskId eventId } } }`,
    );
    expect(data?.tasks.nodes).toHaveLength(8);
    expect(errors.map(({ extensions }) => extensions["code"])).toEqual(Array(3).fill("BAD_USER_INPUT"));
    expect(actionsOf(emulator).filter((action) => action === "GetTask")).toHaveLength(5);
  });
});

describe("the calls that a list makes", () => {
  it("ask for definitions where one is selected, below edges or nodes, and redact them", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "a", requestDefinition: '{"Password":"hunter2"}' });
    const rich = "fragment Rich on Task { requestDefinition requestDefinitionText }";
    const deep = "fragment Deep on TaskConnection { edges { ... on TaskEdge { node { ...Rich } } } }";
    for (const document of [
      `{ tasks(projectName: "immtest") { nodes { ...Rich } } } ${rich}`,
      `{ tasks(projectName: "immtest") { edges { node { ...Rich } } } } ${rich}`,
      `{ tasks(projectName: "immtest") { ...Deep } } ${rich} ${deep}`,
    ]) {
      const { text } = await query(url, document);
      expect(text).toContain('"requestDefinition":{"Password":"[redacted]"}');
      expect(text).not.toContain("hunter2");
    }
    expect(emulator.calls.map(({ parameters }) => parameters["RequestDefinition"])).toEqual(["true", "true", "true"]);
    expect(new Set(actionsOf(emulator))).toEqual(new Set(["ListTasks"]));
  });

  it("are shared by the aliases of one operation", async () => {
    const { url, emulator } = await startGateway();
    addTasks(emulator, 150);
    const { data } = await query(
      url,
      `{ a: tasks(projectName: "immtest", first: 150) { nodes { taskId } }
         b: tasks(projectName: "immtest", first: 150) { edges { node { status } } } }`,
    );
    expect(Object.keys(data ?? {})).toEqual(["a", "b"]);
    expect(emulator.calls).toHaveLength(2);
  });

  it("spare those for the tasks it has shown", async () => {
    const { url, emulator } = await startGateway();
    addTasks(emulator, 2);
    await query(url, `{ tasks(projectName: "immtest") { nodes { taskId } } }`);
    const { data } = await query(
      url,
      `{ task(${keyArguments({ taskType: "FileCompression", taskId: "task-0000" })}) { status progress } }`,
    );
    expect(data).toMatchObject({ task: { status: "RUNNING" } });
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
  });
});

describe("a list that is refused", () => {
  const list = (args: string): string => `{ tasks(projectName: "immtest", ${args}) { nodes { taskId } } }`;

  it.each([
    ["first", "first: 0"],
    ["first", "first: 1001"],
    ["first", "first: -5"],
    ["after", 'after: ""'],
    ["after", 'after: "not a cursor"'],
    ["filter.taskTypes", "filter: { taskTypes: [] }"],
    ["filter.tag.key", 'filter: { tag: { key: "a=b", value: "c" } }'],
    ["filter.startTime", "filter: { startTime: {} }"],
    ["filter.endTime", 'filter: { endTime: { from: "2026-02-02T00:00:00Z", to: "2026-02-01T00:00:00Z" } }'],
  ])("names %s for %s, and costs no call", async (argument, args) => {
    const { url, emulator } = await startGateway();
    const { data, errors } = await query(url, list(args));
    expect(data).toEqual({ tasks: null });
    expect(errors).toMatchObject([{ path: ["tasks"], extensions: { code: "BAD_USER_INPUT", argument } }]);
    expect(errors[0]?.message).toContain(`Expected \`${argument}\` to`);
    expect(emulator.calls).toHaveLength(0);
  });

  it("takes no state that IMM cannot be asked for", async () => {
    const { url, emulator } = await startGateway();
    const { errors } = await query(url, list("filter: { status: UNKNOWN }"));
    expect(errors).toMatchObject([
      {
        message: expect.stringContaining('Value "UNKNOWN" does not exist in "TaskFilterStatus" enum.'),
        extensions: { code: "GRAPHQL_VALIDATION_FAILED" },
      },
    ]);
    expect(emulator.calls).toHaveLength(0);
  });

  it.each(["2026-02-30T00:00:00Z", "2026-02-01", "2026-02-01T00:00:00", "yesterday", ""])(
    "says what an instant is for %p, as a literal and as a variable",
    async (instant) => {
      const { url, emulator } = await startGateway();
      const literal = await query(url, list(`filter: { startTime: { from: ${JSON.stringify(instant)} } }`));
      expect(literal.errors).toMatchObject([{ extensions: { code: "GRAPHQL_VALIDATION_FAILED" } }]);
      const document = `query ($from: DateTime) { tasks(projectName: "immtest", filter: { startTime: { from: $from } }) { nodes { taskId } } }`;
      const variable = await query(url, document, { from: instant });
      expect(variable.errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT" } }]);
      for (const { errors } of [literal, variable]) {
        expect(errors[0]?.message).toContain("Expected an instant as RFC 3339 text, for example 2026-01-31T08:00:00Z.");
      }
      expect(emulator.calls).toHaveLength(0);
    },
  );

  it("is one whose cursor belongs to a list with another filter, order or project", async () => {
    const { url, emulator } = await startGateway({ emulator: { projects: ["immtest", "other"] } });
    addTasks(emulator, 3);
    const { data } = await query<Listing>(url, `{ tasks(projectName: "immtest", first: 1) { ${PAGE_INFO} } }`);
    const after = JSON.stringify(data?.tasks.pageInfo.endCursor);
    emulator.clearCalls();
    for (const document of [
      list(`after: ${after}, filter: { status: RUNNING }`),
      list(`after: ${after}, orderBy: { field: TASK_ID, direction: DESC }`),
      `{ tasks(projectName: "other", after: ${after}) { nodes { taskId } } }`,
    ]) {
      const { errors } = await query(url, document);
      expect(errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT", argument: "after" } }]);
      expect(errors[0]?.message).toContain("of the same list");
    }
    expect(emulator.calls).toHaveLength(0);
  });

  it("names `after` where IMM no longer takes the token in it", async () => {
    const { url, emulator } = await startGateway();
    addTasks(emulator, 3);
    const { data } = await query<Listing>(url, `{ tasks(projectName: "immtest", first: 1) { ${PAGE_INFO} } }`);
    const [digest] = JSON.parse(Buffer.from(data?.tasks.pageInfo.endCursor ?? "", "base64url").toString()) as [string];
    const stale = Buffer.from(JSON.stringify([digest, "no token of IMM"])).toString("base64url");
    const { errors } = await query(url, list(`after: ${JSON.stringify(stale)}`));
    expect(errors).toMatchObject([
      {
        message: "IMM refused `after` (InvalidNextToken).",
        extensions: { code: "BAD_USER_INPUT", argument: "after", imm: { code: "InvalidNextToken" } },
      },
    ]);
  });

  it("is one of a project that is unknown, or that the gateway does not serve", async () => {
    const { url, emulator } = await startGateway({ gateway: { projects: ["immtest", "nowhere"] } });
    const listOf = (name: string): string => `{ tasks(projectName: "${name}") { nodes { taskId } } }`;
    expect((await query(url, listOf("other"))).errors).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    expect(emulator.calls).toHaveLength(0);
    expect((await query(url, listOf("nowhere"))).errors).toMatchObject([{ extensions: { code: "NOT_FOUND" } }]);
    expect((await query(url, listOf(""))).errors).toMatchObject([{ extensions: { argument: "projectName" } }]);
  });

  it.each(["first: 100", "filter: null", "first: null"])("is one that means too many fields, with %s", async (args) => {
    const { url, emulator } = await startGateway({ gateway: { maxOperationCost: 2_000 } });
    const aliases = Array.from(
      { length: 7 },
      (_value, index) => `a${index}: tasks(projectName: "immtest", ${args}) { nodes { taskId status } }`,
    );
    expect((await query(url, `{ ${aliases.slice(1).join("\n")} }`)).errors).toEqual([]);
    emulator.clearCalls();
    const { status, errors } = await query(url, `{ ${aliases.join("\n")} }`);
    expect(status).toBe(400);
    expect(errors[0]?.message).toContain("below a list argument or `first` counted once per item");
    expect(emulator.calls).toHaveLength(0);
  });

  it("takes no other field of the operation with it when a project cannot be listed", async () => {
    const { url } = await startGateway();
    const { data, errors } = await query(
      url,
      '{ a: tasks(projectName: "nowhere") { nodes { id } } taskTypes { name } }',
    );
    expect(data).toMatchObject({ a: null, taskTypes: expect.any(Array) });
    expect(errors).toMatchObject([{ path: ["a"], extensions: { code: "NOT_FOUND" } }]);
  });
});
