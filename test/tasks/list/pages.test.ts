import { describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION } from "../../../src/emulator/emulator.js";
import { parseEndpoint } from "../../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../../src/imm/wire/openapi-client.js";
import type { GivenOptions } from "../../../src/options/options.js";
import { createGateway, type Gateway } from "../../../src/server/gateway.js";
import type { ListTasksRequest } from "../../../src/imm/imm-client.js";
import { readPages, type Page } from "../../../src/tasks/list/pages.js";
import { eventually } from "../../support/eventually.js";
import { keyArguments, query } from "../../support/query.js";
import { serveImm, type ImmServer } from "../../support/serve-imm.js";
import { disposeAfterTest, manualClockNow, QUICK_LIMITS } from "../../support/start-gateway.js";
import { EVERY_SECOND } from "../../support/next-poll.js";
import { connect, subscribe } from "../../support/subscribe.js";
import type { ManualClock } from "../../support/manual-clock.js";
import { RUN } from "../../support/tasks.js";

/** An IMM whose lists go on and on; its GetTask knows a task that runs. */
type NextToken = (page: number) => string;

const endless: readonly (readonly [what: string, nextToken: NextToken])[] = [
  ["that is always the same", () => "same"],
  ["that alternates between two", (page) => (page % 2 === 0 ? "even" : "odd")],
  ["that is always another", (page) => `token-${page}`],
];

interface World {
  readonly url: string;
  readonly imm: ImmServer;
  readonly clock: ManualClock;
  readonly gateway: Gateway;
  readonly lists: () => number;
}

interface Lists {
  readonly nextToken: NextToken;
  /** What stands on a page. @default nothing */
  readonly tasksOn?: (page: number, token: string | undefined) => readonly object[];
  /** Holds a page back. @default at once */
  readonly hold?: (page: number) => Promise<void>;
}

async function startBefore(lists: NextToken | Lists, options: GivenOptions = {}): Promise<World> {
  const {
    nextToken,
    tasksOn = () => [],
    hold = async () => undefined,
  }: Lists = typeof lists === "function" ? { nextToken: lists } : lists;
  let pages = 0;
  const imm = await serveImm((response, { action, query: { TaskId, NextToken } }) => {
    const isList = action === "ListTasks";
    if (isList) pages += 1;
    const listed = { Tasks: tasksOn(pages, NextToken), NextToken: nextToken(pages) };
    // GetTask tells no progress.
    const task = { ...listedTask(TaskId ?? ""), Progress: undefined };
    const body = JSON.stringify({ RequestId: "r", ...(isList ? listed : task) });
    void hold(isList ? pages : 0).then(() => response.setHeader("content-type", "application/json").end(body));
  });
  disposeAfterTest(async () => imm.close());
  const accessKey = { accessKeyId: "a", accessKeySecret: "b" };
  const { openApi } = await createOpenApi({ endpoint: parseEndpoint(imm.url), accessKey, userAgent: "test" });
  const clock = manualClockNow();
  const gateway = createGateway({ port: 0, ...QUICK_LIMITS, ...options, openApi, clock, region: EMULATOR_REGION });
  disposeAfterTest(async () => gateway.stop());
  const { url } = await gateway.start();
  const countLists = (): number => imm.requests.filter(({ action }) => action === "ListTasks").length;
  return { url, imm, clock, gateway, lists: countLists };
}

function listedTask(taskId: string, status = "Running"): Readonly<Record<string, string | number>> {
  const startTime = "2026-01-01T00:00:00Z";
  return { TaskId: taskId, TaskType: "FileCompression", Status: status, StartTime: startTime, Progress: 7 };
}

describe.each(endless)("a NextToken %s", (what, nextToken) => {
  const isNew = what === "that is always another";

  it("ends a list of tasks", async () => {
    const { url, lists } = await startBefore(nextToken);
    const { data, errors } = await query(url, '{ tasks(projectName: "p") { nodes { id } pageInfo { hasNextPage } } }');
    const codes = errors.map(({ extensions }) => extensions["code"]);
    // Where it may still end, the client is told where to go on.
    expect({ data, codes }).toEqual(
      isNew
        ? { data: { tasks: { nodes: [], pageInfo: { hasNextPage: true } } }, codes: [] }
        : { data: { tasks: null }, codes: ["UPSTREAM_INVALID_RESPONSE"] },
    );
    expect(lists()).toBeLessThanOrEqual(11);
  });

  it("ends the search for one task's progress", async () => {
    const { url, lists } = await startBefore(nextToken);
    const { data } = await query(url, `{ task(${keyArguments(RUN)}) { status progress } }`);
    expect(data).toMatchObject({ task: { status: "RUNNING" } });
    expect(lists()).toBeLessThanOrEqual(5);
  });

  it("ends a sweep", async () => {
    const { url, lists } = await startBefore(nextToken);
    const keys = Array.from({ length: 40 }, (_value, index) => ({ projectName: "p", ...RUN, taskId: `t${index}` }));
    const document = "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { progress } }";
    await query(url, document, { keys });
    expect(lists()).toBeLessThanOrEqual(40 * 6);
  });

  it("ends the search for the task of an idempotency key", async () => {
    const { url, imm, lists } = await startBefore(nextToken);
    const input = { projectName: "p", sourceUri: "oss://b/a", targetType: "PDF", targetUri: "oss://b/c" };
    const document = `mutation ($input: CreateOfficeConversionTaskInput!) { createOfficeConversionTask(input: $input) { isNew } }`;
    const { errors } = await query(url, document, { input: { ...input, idempotencyKey: "once" } });
    expect(errors).toMatchObject([{ extensions: { code: "UPSTREAM_INVALID_RESPONSE" } }]);
    expect(lists()).toBeLessThanOrEqual(10);
    expect(imm.requests.filter(({ action }) => action.startsWith("Create"))).toEqual([]);
  });

  it("ends each search for a project's tasks, which is tried again when its pages have been earned back", async () => {
    const { url, clock, lists } = await startBefore(nextToken);
    const document = 'subscription { projectEvents(projectName: "p") { task { id } } }';
    subscribe(connect(url), document);
    const mostOfOne = isNew ? 202 : 4;
    const leastWaitMs = isNew ? 15_000 : 4_000;
    await eventually(() => clock.pendingTimers > 0);
    let before = lists();
    expect(before).toBeLessThanOrEqual(mostOfOne);
    for (let search = 0; search < 3; search += 1) {
      await clock.advance(leastWaitMs - 1);
      expect(lists()).toBe(before);
      await clock.advance(clock.nextTimerInMs ?? 0);
      await eventually(() => lists() > before && clock.pendingTimers > 0);
      expect(lists() - before).toBeLessThanOrEqual(mostOfOne);
      before = lists();
    }
  });
});

describe.each(endless)("a NextToken %s, on pages of other clients' tasks", (_what, nextToken) => {
  const tasksOn = (page: number): readonly object[] =>
    Array.from({ length: 100 }, (_value, index) => listedTask(`other-${page}-${index}`, "Succeeded"));

  it("ends each poll of one task", async () => {
    const { url, clock, lists } = await startBefore({ nextToken, tasksOn }, EVERY_SECOND);
    subscribe(connect(url), `subscription { taskProgress(${keyArguments(RUN)}) { status progress } }`);
    for (let poll = 1; poll <= 5; poll += 1) {
      await eventually(() => lists() >= poll && clock.pendingTimers > 0);
      expect(lists()).toBeLessThanOrEqual(poll * 5);
      await clock.advance(clock.nextTimerInMs ?? 0);
    }
  });

  it("ends a list of tasks", async () => {
    const { url, lists } = await startBefore({ nextToken, tasksOn });
    await query(url, '{ tasks(projectName: "p", first: 1000) { nodes { id } } }');
    expect(lists()).toBeLessThanOrEqual(10);
  });

  it("ends each search for a project's tasks", async () => {
    const { url, clock, lists } = await startBefore({ nextToken, tasksOn });
    subscribe(connect(url), 'subscription { projectEvents(projectName: "p") { task { id } } }');
    await eventually(() => clock.pendingTimers > 0);
    expect(lists()).toBeLessThanOrEqual(202);
  });
});

describe("a page whose NextToken leads nowhere", () => {
  /** The task stands on the second page, which names itself as the next one. */
  const astray = {
    nextToken: () => "second",
    tasksOn: (_page: number, token: string | undefined) => (token === undefined ? [] : [listedTask(RUN.taskId)]),
  };

  it("still says what it says: its tasks are followed", async () => {
    const { url } = await startBefore(astray);
    const follow = subscribe(
      connect(url),
      'subscription { projectEvents(projectName: "p") { task { taskId status } } }',
    );
    expect((await follow.next()).data).toEqual({ projectEvents: { task: { taskId: "run", status: "RUNNING" } } });
  });

  it("still tells a task's progress", async () => {
    const { url } = await startBefore(astray);
    const { data } = await query(url, `{ task(${keyArguments(RUN)}) { progress } }`);
    expect(data).toEqual({ task: { progress: 7 } });
  });

  it("is refused before it stands in a cursor, also where no more tasks are wanted", async () => {
    const { url } = await startBefore(astray);
    const document = `query ($after: String) { tasks(projectName: "p", first: 1, after: $after) { pageInfo { endCursor } } }`;
    const { errors } = await query(url, document);
    expect(errors).toMatchObject([{ path: ["tasks"], extensions: { code: "UPSTREAM_INVALID_RESPONSE" } }]);
  });

  it("is refused when the token is too long for a URL", async () => {
    const { url, lists } = await startBefore((page) => `${page}`.repeat(3_000));
    const { errors } = await query(url, '{ tasks(projectName: "p") { nodes { id } } }');
    expect(errors).toMatchObject([{ path: ["tasks"], extensions: { code: "UPSTREAM_INVALID_RESPONSE" } }]);
    expect(lists()).toBe(1);
  });
});

describe("pages that are not wanted any more", () => {
  /** Pages without end, of which the sixth is held back until `release`. */
  async function startHeldBack(options: GivenOptions = {}): Promise<World & { release: () => void }> {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const world = await startBefore(
      { nextToken: (page) => `token-${page}`, hold: async (page) => (page === 6 ? held : undefined) },
      options,
    );
    return { ...world, release };
  }

  it("are not read for a project whose last follower has left", async () => {
    const { url, lists, release } = await startHeldBack();
    const client = connect(url);
    const follow = subscribe(client, 'subscription { projectEvents(projectName: "p") { task { id } } }');
    await eventually(() => lists() === 6);
    follow.unsubscribe();
    // Answered on the same socket, so the departure is known.
    await subscribe(client, "{ __typename }").rest();
    release();
    await query(url, `{ task(${keyArguments(RUN)}) { status } }`);
    await query(url, `{ task(${keyArguments({ ...RUN, taskId: "other" })}) { status } }`);
    expect(lists()).toBe(6);
  });

  it("are not read for a client that has gone", async () => {
    const { url, lists, release } = await startHeldBack({
      maxListedTasks: 100_000,
      maxOperationCost: 10_000_000,
      maxCallsPerOperation: 1_000,
    });
    const controller = new AbortController();
    const body = JSON.stringify({ query: '{ tasks(projectName: "p", first: 100000) { nodes { id } } }' });
    const headers = { "content-type": "application/json" };
    const answer = fetch(`${url}/graphql`, { method: "POST", headers, body, signal: controller.signal }).catch(String);
    await eventually(() => lists() === 6);
    controller.abort();
    await answer;
    await query(url, "{ __typename }");
    release();
    await query(url, `{ task(${keyArguments(RUN)}) { status } }`);
    await query(url, `{ task(${keyArguments({ ...RUN, taskId: "other" })}) { status } }`);
    expect(lists()).toBe(6);
  });
});

describe("a sweep that is not wanted any more", () => {
  const keys = Array.from({ length: 100 }, (_value, index) => ({ projectName: "p", ...RUN, taskId: `t${index}` }));
  const LAST_PAGE = 3;

  async function startHeldBack(): Promise<World & { release: () => void; tasksAsked: () => readonly string[] }> {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const world = await startBefore({
      nextToken: (page) => `token-${page}`,
      hold: async (page) => (page === LAST_PAGE ? held : undefined),
    });
    const asked = (): readonly string[] => world.imm.requests.flatMap(({ query: { TaskId = [] } }) => TaskId);
    return { ...world, release, tasksAsked: asked };
  }

  it("reads no further page, and asks for no task, for a client that has gone", async () => {
    const { url, lists, release, tasksAsked } = await startHeldBack();
    const controller = new AbortController();
    const document = "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { progress } }";
    const body = JSON.stringify({ query: document, variables: { keys } });
    const headers = { "content-type": "application/json" };
    const answer = fetch(`${url}/graphql`, { method: "POST", headers, body, signal: controller.signal }).catch(String);
    await eventually(() => lists() === LAST_PAGE);
    controller.abort();
    await answer;
    await query(url, "{ __typename }");
    release();
    await query(url, `{ task(${keyArguments({ ...RUN, projectName: "q" })}) { status } }`);
    await query(url, `{ task(${keyArguments({ ...RUN, projectName: "q", taskId: "other" })}) { status } }`);
    expect([lists(), tasksAsked()]).toEqual([LAST_PAGE, ["run", "other"]]);
  });

  it("reads no further page, and asks for no task, for a subscriber that has left", async () => {
    const { url, lists, release, tasksAsked, gateway } = await startHeldBack();
    const client = connect(url);
    const document = "subscription ($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys) { task { progress } } }";
    const follow = subscribe(client, document, { keys });
    await eventually(() => lists() === LAST_PAGE);
    follow.unsubscribe();
    await eventually(() => gateway.watchedTasks === 0);
    release();
    await query(url, `{ task(${keyArguments({ ...RUN, projectName: "q" })}) { status } }`);
    await query(url, `{ task(${keyArguments({ ...RUN, projectName: "q", taskId: "other" })}) { status } }`);
    expect([lists(), tasksAsked()]).toEqual([LAST_PAGE, ["run", "other"]]);
  });

  it("leaves another client its answer", async () => {
    const { url, lists, release, gateway } = await startHeldBack();
    const client = connect(url);
    const document = "subscription ($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys) { task { progress } } }";
    const follow = subscribe(client, document, { keys });
    await eventually(() => lists() === LAST_PAGE);
    const other = query(url, "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { taskId status } }", { keys });
    follow.unsubscribe();
    await eventually(() => gateway.watchedTasks === 0);
    release();
    const { data, errors } = await other;
    expect(errors).toEqual([]);
    expect(data).toMatchObject({ tasksByKey: expect.arrayContaining([{ taskId: "t0", status: "RUNNING" }]) });
  });
});

describe("the loop over pages", () => {
  const readAll = async (tokens: readonly (string | undefined)[], maxPages: number): Promise<unknown[]> => {
    const asked: unknown[] = [];
    const readPage = async ({ nextToken }: ListTasksRequest): Promise<Page> => {
      asked.push(nextToken);
      return { nextToken: tokens[asked.length - 1] };
    };
    for await (const _page of readPages({ projectName: "p" }, readPage, { maxPages }));
    return asked;
  };

  it("goes on until no page is left, or as far as it may", async () => {
    expect(await readAll(["a", "b", undefined], 10)).toEqual([undefined, "a", "b"]);
    expect(await readAll(["a", "b", undefined], 2)).toEqual([undefined, "a"]);
  });

  it.each([[["a", "a"]], [["a", "b", "a"]], [["a", "b", "c", "b"]]])("refuses %j", async (tokens) => {
    await expect(readAll(tokens, 10)).rejects.toThrow("IMM's list does not move on.");
  });
});
