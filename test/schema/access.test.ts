import { describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION, type Emulator } from "../../src/emulator/emulator.js";
import { createOperations, mutationNameOf } from "../../src/imm/operations/operations.js";
import { createSchema } from "../../src/schema/build-schema.js";
import { toGlobalTaskId } from "../../src/tasks/task-id.js";
import { createActions, exampleInput } from "../support/example-input.js";
import { keyLiteral, query } from "../support/query.js";
import { startGateway, type RunningGateway } from "../support/start-gateway.js";
import { connect, subscribe } from "../support/subscribe.js";

// Every root field of the schema stands here, so a new one cannot forget to ask whether its caller may.

const KEY = { projectName: "immtest", taskType: "FileCompression", taskId: "a" };
const ID = toGlobalTaskId({ region: EMULATOR_REGION, ...KEY });
const key = keyLiteral(KEY);
const OTHER = { ...KEY, projectName: "other", taskId: "c", durationMs: Infinity };
const FIELDS = "status progress eventId result { __typename } outputs";

/** By root field: each way in which it leads to a task, and where the refusal stands. */
const QUERIES: Readonly<Record<string, readonly (readonly [text: string, path: readonly (string | number)[]])[]>> = {
  task: [[`task(key: ${key}) { ${FIELDS} }`, ["task"]]],
  tasksByKey: [[`tasksByKey(keys: [${key}]) { ${FIELDS} }`, ["tasksByKey", 0]]],
  node: [[`node(id: "${ID}") { ... on Task { ${FIELDS} } }`, ["node"]]],
  nodes: [[`nodes(ids: ["${ID}"]) { id }`, ["nodes", 0]]],
  tasks: [
    ['tasks(projectName: "immtest") { nodes { taskId eventId } }', ["tasks"]],
    ['tasks(projectName: "immtest", after: $cursor) { pageInfo { endCursor } }', ["tasks"]],
  ],
  awaitTask: [[`awaitTask(key: ${key}) { ${FIELDS} }`, ["awaitTask"]]],
  _entities: [
    [`_entities(representations: [{ __typename: "Task", id: "${ID}" }]) { __typename }`, ["_entities", 0]],
    [
      `_entities(representations: [${keyLiteral(KEY).replace("{", `{ __typename: "Task", region: "${EMULATOR_REGION}",`)}]) { __typename }`,
      ["_entities", 0],
    ],
  ],
};

/** What leads to no task. */
const HARMLESS = ["_service", "taskTypes", "viewer"];

const MUTATIONS: Readonly<Record<string, object>> = {
  rerunTask: { id: ID },
  ...Object.fromEntries(
    createActions.map((action) => [
      mutationNameOf(createOperations[action]),
      { ...exampleInput(action, 0), projectName: "immtest", idempotencyKey: "key" },
    ]),
  ),
};

const SUBSCRIPTIONS: Readonly<Record<string, readonly [text: string, events: readonly object[]]>> = {
  taskProgress: [
    `taskProgress(key: ${key}) { ${FIELDS} }`,
    [
      {
        data: { taskProgress: null },
        errors: [{ path: ["taskProgress"], extensions: { code: "FORBIDDEN" } }],
      },
    ],
  ],
  taskEvents: [
    `taskEvents(keys: [${key}, ${keyLiteral({ ...KEY, taskId: "b" })}]) { kind key { taskId } error { code } }`,
    [
      { data: { taskEvents: { kind: "FAILED", key: { taskId: "a" }, error: { code: "FORBIDDEN" } } } },
      { data: { taskEvents: { kind: "FAILED", key: { taskId: "b" }, error: { code: "FORBIDDEN" } } } },
      { data: { taskEvents: { kind: "CAUGHT_UP", key: null, error: null } } },
    ],
  ],
  projectEvents: [
    'projectEvents(projectName: "immtest") { kind key { taskId } error { code } }',
    [{ data: { projectEvents: { kind: "FAILED", key: null, error: { code: "FORBIDDEN" } } } }],
  ],
};

const schema = createSchema({ federation: true });

const NOT_SERVED = "The gateway does not serve this project.";

function addTasks(emulator: Emulator): void {
  for (const taskId of ["a", "b"]) emulator.addTask({ ...KEY, taskId, durationMs: Infinity });
}

/** A gateway of the project `other` alone, where the tasks of `immtest` are too. */
async function startOther(): Promise<RunningGateway> {
  const emulator = { projects: ["immtest", "other"] };
  const running = await startGateway({ emulator, gateway: { projects: ["other"], federation: true } });
  addTasks(running.emulator);
  return running;
}

/** A cursor of the list that is not served. */
async function takeCursor(): Promise<string> {
  const { url, emulator } = await startGateway();
  addTasks(emulator);
  const document = '{ tasks(projectName: "immtest", first: 1) { edges { cursor } } }';
  const { data } = await query<{ tasks: { edges: readonly { cursor: string }[] } }>(url, document);
  return data?.tasks.edges[0]?.cursor ?? "";
}

async function mutate(url: string, name: string, input: object): Promise<Awaited<ReturnType<typeof query>>> {
  const Input = schema.getMutationType()?.getFields()[name]?.args[0]?.type;
  return query(url, `mutation ($input: ${String(Input)}) { ${name}(input: $input) { isNew } }`, { input });
}

describe("a project that is not served", () => {
  it("is asked for here by every root field", () => {
    const namesOf = (type: ReturnType<typeof schema.getQueryType>): readonly string[] =>
      Object.keys(type?.getFields() ?? {}).toSorted();
    expect(namesOf(schema.getQueryType())).toEqual([...Object.keys(QUERIES), ...HARMLESS].toSorted());
    expect(namesOf(schema.getMutationType())).toEqual(Object.keys(MUTATIONS).toSorted());
    expect(namesOf(schema.getSubscriptionType())).toEqual(Object.keys(SUBSCRIPTIONS).toSorted());
  });

  it("is FORBIDDEN to every query, without a call", async () => {
    const { url, emulator } = await startOther();
    const cursor = await takeCursor();
    for (const [text, path] of Object.values(QUERIES).flat()) {
      const document = text.includes("$cursor") ? `query ($cursor: String!) { ${text} }` : `{ ${text} }`;
      const { errors } = await query(url, document, { cursor });
      expect([text, errors]).toMatchObject([text, [{ path, message: NOT_SERVED, extensions: { code: "FORBIDDEN" } }]]);
    }
    expect(emulator.calls).toEqual([]);
  });

  it("is FORBIDDEN to every mutation, without a call", async () => {
    const { url, emulator } = await startOther();
    for (const [name, input] of Object.entries(MUTATIONS)) {
      const { data, errors } = await mutate(url, name, input);
      expect(data).toEqual({ [name]: null });
      expect(errors).toMatchObject([{ path: [name], message: NOT_SERVED, extensions: { code: "FORBIDDEN" } }]);
    }
    expect(emulator.calls).toEqual([]);
  });

  it("is FORBIDDEN to every subscription, without a call", async () => {
    const { url, emulator, gateway } = await startOther();
    for (const [text, events] of Object.values(SUBSCRIPTIONS)) {
      const received = await subscribe(connect(url), `subscription { ${text} }`).rest();
      expect(received).toMatchObject(events);
    }
    expect([emulator.calls, gateway.watchedTasks]).toEqual([[], 0]);
  });

  it("is refused alike whether it exists or not", async () => {
    const { url } = await startOther();
    const nowhere = keyLiteral({ ...KEY, projectName: "nowhere" });
    const { text } = await query(url, `{ task(key: ${nowhere}) { status } }`);
    expect((await query(url, `{ task(key: ${key}) { status } }`)).text).toBe(text);
  });

  it("lets the others be read, by their own calls alone", async () => {
    const { url, emulator } = await startOther();
    emulator.addTask(OTHER);
    const { data, errors } = await query(url, `{ tasksByKey(keys: [${key}, ${keyLiteral(OTHER)}]) { projectName } }`);
    expect(data).toEqual({ tasksByKey: [null, { projectName: "other" }] });
    expect(errors).toMatchObject([{ path: ["tasksByKey", 0], extensions: { code: "FORBIDDEN" } }]);
    expect(emulator.calls).toMatchObject([{ action: "GetTask" }]);
  });

  it("lets the others be followed to their end", async () => {
    const { url, emulator, clock } = await startOther();
    emulator.addTask(OTHER);
    const events = subscribe<{ taskEvents: object }>(
      connect(url),
      `subscription { taskEvents(keys: [${keyLiteral(OTHER)}, ${key}]) { kind key { projectName } } }`,
    );
    const first = [await events.next(), await events.next(), await events.next()];
    expect(first.map(({ data }) => data?.taskEvents)).toEqual([
      { kind: "FAILED", key: { projectName: "immtest" } },
      { kind: "SNAPSHOT", key: { projectName: "other" } },
      { kind: "CAUGHT_UP", key: null },
    ]);
    emulator.finishTask(OTHER.taskId);
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect((await events.rest()).map(({ data }) => data?.taskEvents)).toEqual([
      { kind: "FINAL", key: { projectName: "other" } },
    ]);
  });
});

describe("a gateway that is read-only", () => {
  it("refuses every mutation before its input is looked at, without a call", async () => {
    const { url, emulator } = await startGateway({ gateway: { readOnly: true } });
    addTasks(emulator);
    const invalid = Object.entries(MUTATIONS).map(([name, input]) => [name, { ...input, idempotencyKey: "" }] as const);
    for (const [name, input] of [...Object.entries(MUTATIONS), ...invalid]) {
      const { data, errors } = await mutate(url, name, input);
      expect(data).toEqual({ [name]: null });
      const message = "This gateway is read-only: it starts no tasks.";
      expect(errors).toMatchObject([{ path: [name], message, extensions: { code: "FORBIDDEN" } }]);
    }
    expect(emulator.calls).toEqual([]);
  });
});
