import { composeServices as composeByApollo } from "@apollo/composition";
import { describe, expect, it, jest } from "@jest/globals";
import { composeServices as composeByTheGuild } from "@theguild/federation-composition";
import { buildSchema, getOperationAST, parse } from "graphql";
import { EMULATOR_REGION } from "../../../src/emulator/emulator.js";
import { createSchema, printGatewaySchema } from "../../../src/schema/build-schema.js";
import { countOperation, type CountedOperation } from "../../../src/server/operation/operation-count.js";
import { toGlobalTaskId } from "../../../src/tasks/task-id.js";
import { ALBUMS_SDL, serveAlbums } from "../../support/albums-subgraph.js";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { keyArguments, keyLiteral, query } from "../../support/query.js";
import { startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { actionsOf } from "../../support/start-reader.js";
import { compose, startRouter } from "../../support/start-router.js";
import { openStream, SseStream } from "../../support/stream-request.js";
import { connect, subscribe } from "../../support/subscribe.js";

// Hive Gateway takes some seconds to be loaded.
jest.setTimeout(60_000);

function toOperation(text: string): Pick<CountedOperation, "document" | "root"> {
  const document = parse(text);
  const root = getOperationAST(document);
  if (!root) throw new Error("There is not one operation.");
  return { document, root };
}

const RUN = { projectName: "immtest", taskType: "FileCompression", taskId: "run" };
const REPRESENTED = { __typename: "Task", region: EMULATOR_REGION, ...RUN };
const ENTITIES = `query Entities($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on Task { taskId status } }
}`;

async function startSubgraph(maxKeys = 100): Promise<RunningGateway> {
  const running = await startGateway({ gateway: { federation: true, explorer: false, maxKeys, ...EVERY_SECOND } });
  running.emulator.addTask({ ...RUN, durationMs: 60_000, requestDefinition: '{"TargetURI":"oss://bucket/target"}' });
  return running;
}

async function entities(url: string, representations: readonly unknown[]): ReturnType<typeof query> {
  return query(url, ENTITIES, { representations });
}

const SUBGRAPH_SDL = printGatewaySchema({ federation: true });
const SUBGRAPHS = [
  { name: "imm", sdl: SUBGRAPH_SDL, url: "http://imm" },
  { name: "albums", sdl: ALBUMS_SDL, url: "http://albums" },
];
/** Composed once: the addresses are put into it at each start. */
const SUPERGRAPH = compose(SUBGRAPHS);

async function startSupergraph(): Promise<RunningGateway & { readonly router: string }> {
  const running = await startSubgraph();
  const albums = Array.from({ length: 100 }, (_, index) => ({
    title: `Album ${index}`,
    conversion: { region: EMULATOR_REGION, ...RUN },
  }));
  const placed = SUPERGRAPH.replace("http://imm", `${running.url}/graphql`).replace(
    "http://albums",
    await serveAlbums(albums),
  );
  return { ...running, router: await startRouter(placed) };
}

describe("the subgraph", () => {
  it("gives its schema with the keys of a task, without what every subgraph has", async () => {
    const { url } = await startSubgraph();
    const { data } = await query<{ _service: { sdl: string } }>(url, "{ _service { sdl } }");
    const sdl = data?._service.sdl ?? "";
    expect(sdl).toBe(SUBGRAPH_SDL);
    expect(sdl).toContain(
      'type Task implements Node @key(fields: "id") @key(fields: "region projectName taskType taskId") @cost(weight: 0) {',
    );
    expect(sdl).toContain("type PageInfo @shareable @cost(weight: 0) {");
    expect(sdl).toContain("type Subscription {");
    expect(sdl).not.toMatch(/\b_(Any|Entity|Service|entities|service)\b/);
    // The rest of the text is what graphql-js prints: it reads it, link and directives aside.
    expect(() => buildSchema(sdl, { assumeValidSDL: true })).not.toThrow();
  });

  it("is there only when it is asked for", async () => {
    const { url } = await startGateway();
    const { status, errors } = await query(url, "{ _service { sdl } }");
    expect(status).toBe(400);
    expect(errors).toMatchObject([{ extensions: { code: "GRAPHQL_VALIDATION_FAILED" } }]);
  });

  it("finds nothing for no representation, without a call", async () => {
    const { url, emulator } = await startSubgraph();
    expect(await entities(url, [])).toMatchObject({ status: 200, data: { _entities: [] }, errors: [] });
    expect(emulator.calls).toEqual([]);
  });

  it("finds tasks by either key, in the order of the representations", async () => {
    const { url, emulator } = await startSubgraph();
    emulator.addTask({ taskType: "MediaConvert", taskId: "other" });
    emulator.finishTask("other");
    const other = { projectName: "immtest", taskType: "MediaConvert", taskId: "other" };
    const { data, errors } = await entities(url, [
      { __typename: "Task", id: toGlobalTaskId({ region: EMULATOR_REGION, ...other }) },
      { ...REPRESENTED },
    ]);
    expect(errors).toEqual([]);
    expect(data).toEqual({
      _entities: [
        { taskId: "other", status: "SUCCEEDED" },
        { taskId: "run", status: "RUNNING" },
      ],
    });
  });

  it("answers 100 representations of one task by one call", async () => {
    const { url, emulator } = await startSubgraph();
    const byNames = { ...REPRESENTED };
    const byId = { __typename: "Task", id: toGlobalTaskId({ region: EMULATOR_REGION, ...RUN }) };
    const { data } = await entities(
      url,
      Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? byNames : byId)),
    );
    expect(data).toEqual({ _entities: Array.from({ length: 100 }, () => ({ taskId: "run", status: "RUNNING" })) });
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("asks for what the fragments select, and for nothing else", async () => {
    const { url, emulator } = await startSubgraph();
    const { data } = await query(
      url,
      `query ($representations: [_Any!]!) { _entities(representations: $representations) { ...Definition } }
       fragment Definition on Task { requestDefinition }`,
      { representations: [{ ...REPRESENTED }] },
    );
    expect(data).toEqual({ _entities: [{ requestDefinition: { TargetURI: "oss://bucket/target" } }] });
    expect(emulator.calls.map(({ action, parameters }) => [action, parameters["RequestDefinition"]])).toEqual([
      ["GetTask", "true"],
    ]);
  });

  it("puts an error in the place of each representation that fails", async () => {
    const { url, emulator } = await startSubgraph();
    const { data, errors } = await entities(url, [
      { __typename: "Album", title: "Trip" },
      { ...REPRESENTED },
      { __typename: "Task", projectName: "immtest", taskType: "FileCompression", taskId: "run" },
      { __typename: "Task", id: "no-id" },
      "Task",
      { ...REPRESENTED, taskId: "unknown" },
      { ...REPRESENTED, taskId: "" },
    ]);
    expect(data).toEqual({ _entities: [null, { taskId: "run", status: "RUNNING" }, null, null, null, null, null] });
    const shown = errors.map(({ path, message, extensions: { code, argument } }) => [
      path?.[1],
      code,
      argument,
      code === "NOT_FOUND" ? "" : message,
    ]);
    const notTask = "Expected each of `representations` to be an object of `__typename` Task.";
    expect(shown.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual([
      [0, "BAD_USER_INPUT", "representations", notTask],
      [
        2,
        "BAD_USER_INPUT",
        "representations",
        "Expected each of `representations` to be an object with an `id`, or with `region`, `projectName`, `taskType` and `taskId`, all of them strings.",
      ],
      [3, "BAD_USER_INPUT", "representations", "Expected `representations` to be the id of a Task, got another text."],
      [4, "BAD_USER_INPUT", "representations", notTask],
      [5, "NOT_FOUND", undefined, ""],
      [
        6,
        "BAD_USER_INPUT",
        "representations.taskId",
        "Expected `representations.taskId` to be a non-empty string of at most 512 characters, got an empty one.",
      ],
    ]);
    expect(actionsOf(emulator)).toEqual(["GetTask", "GetTask"]);
  });

  it("finds no task of another region: its names would mean another task here", async () => {
    const { url, emulator } = await startSubgraph();
    const region = "eu-central-1";
    const { data, errors } = await entities(url, [
      { ...REPRESENTED, region },
      { __typename: "Task", id: toGlobalTaskId({ ...RUN, region }) },
      REPRESENTED,
    ]);
    expect(data).toEqual({ _entities: [null, null, { taskId: "run", status: "RUNNING" }] });
    expect(errors.map(({ message }) => message)).toEqual([
      "Expected `representations.region` to be of the region emulator, got another one.",
      "Expected `representations` to be of the region emulator, got another one.",
    ]);
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("refuses more representations than keys, without a call", async () => {
    const { url, emulator } = await startSubgraph(2);
    const { data, errors } = await entities(
      url,
      Array.from({ length: 3 }, () => ({ ...REPRESENTED })),
    );
    expect(data).toBeNull();
    expect(errors).toMatchObject([
      {
        message: "Expected `representations` to hold at most 2 items, got 3.",
        extensions: { code: "BAD_USER_INPUT", argument: "representations" },
      },
    ]);
    expect(emulator.calls).toEqual([]);
  });

  it("keeps its subscriptions", async () => {
    const { url, emulator } = await startSubgraph();
    const events = subscribe<{ taskProgress: unknown }>(
      connect(url),
      `subscription { taskProgress(${keyArguments(RUN)}) { status } }`,
    );
    expect(await events.next()).toEqual({ data: { taskProgress: { status: "RUNNING" } } });
    emulator.finishTask("run");
  });
});

describe("a Hive Gateway in front", () => {
  it("joins 100 albums with their task by one call to IMM", async () => {
    const { router, emulator } = await startSupergraph();
    const { data, errors } = await query(router, "{ albums { title conversion { id status startTime } } }");
    expect(errors).toEqual([]);
    expect(data).toEqual({
      albums: Array.from({ length: 100 }, (_, index) => ({
        title: `Album ${index}`,
        conversion: {
          id: toGlobalTaskId({ region: EMULATOR_REGION, ...RUN }),
          status: "RUNNING",
          startTime: expect.any(String),
        },
      })),
    });
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("joins a listed task with its album", async () => {
    const { router, emulator } = await startSupergraph();
    const { data, errors } = await query(
      router,
      '{ tasks(projectName: "immtest", first: 10) { nodes { taskId status album { title } } pageInfo { hasNextPage } } }',
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      tasks: {
        nodes: [{ taskId: "run", status: "RUNNING", album: { title: "Album 99" } }],
        pageInfo: { hasNextPage: false },
      },
    });
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
  });

  it("passes a subscription through to its end, each event joined with the album", async () => {
    const running = await startSupergraph();
    // The same protocol as the gateway's own, at the path where Hive has it.
    const text = await openStream(`${running.router}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ query: `subscription { taskProgress(${keyArguments(RUN)}) { status album { title } } }` }),
    });
    const events = new SseStream(text);
    const album = { title: "Album 99" };
    expect((await events.result()).data).toEqual({ taskProgress: { status: "RUNNING", album } });
    running.emulator.finishTask("run");
    await nextPoll(running);
    expect((await events.result()).data).toEqual({ taskProgress: { status: "SUCCEEDED", album } });
    expect(await events.rest()).toEqual([{ event: "complete", data: null }]);
  });
});

describe("the prices, as Hive Gateway reckons", () => {
  const subgraph = createSchema({ federation: true });
  const project = 'projectName: "immtest"';
  it.each([
    ["a task", `{ task(${keyArguments(RUN)}) { status startTime } }`, 1, ["GetTask"]],
    ["a task with its progress", `{ task(${keyArguments(RUN)}) { status progress } }`, 2, ["GetTask", "ListTasks"]],
    ["tasks by key, at most", `{ tasksByKey(keys: [${keyLiteral(RUN)}]) { status } }`, 100, ["GetTask"]],
    ["a page of a list", `{ tasks(${project}, first: 10) { nodes { status progress } } }`, 20, ["ListTasks"]],
    [
      "a page, and what it lacks",
      `{ tasks(${project}, first: 1) { nodes { eventId } } }`,
      11,
      ["ListTasks", "GetTask"],
    ],
    ["the longest list", `{ tasks(${project}, first: 1000) { nodes { status } } }`, 10, ["ListTasks"]],
    ["the catalogue", "{ taskTypes { name } }", 0, []],
  ])("foresee %s, and no less than the limit counts", async (_what, document, estimated, calls) => {
    const { router, emulator } = await startSupergraph();
    const { text } = await query(router, document);
    const { data, errors, extensions } = JSON.parse(text) as Record<string, unknown>;
    expect({ errors, extensions }).toEqual({ errors: undefined, extensions: { cost: { estimated } } });
    expect(data).not.toBeNull();
    expect(actionsOf(emulator)).toEqual(calls);
    const { calls: counted } = countOperation({
      schema: subgraph,
      variables: {},
      maxSelections: 100,
      ...toOperation(document),
    });
    expect([calls.length <= counted, counted <= estimated]).toEqual([true, true]);
  });
});

describe("an input of which exactly one field is given", () => {
  const withWidth = (width: string): string =>
    `mutation { createMediaConvertTask(input: { projectName: "immtest", sources: [{ uri: "oss://b/a" }], targets: [{ image: { snapshots: [{ uri: "oss://b/s", format: "jpg", width: ${width} }] } }] }) { isNew } }`;

  it("passes through a router, and is refused there or here when both are", async () => {
    const { router, emulator } = await startSupergraph();
    expect((await query(router, withWidth("{ pixels: 1, ratio: 1 }"))).errors).toHaveLength(1);
    expect(emulator.calls).toEqual([]);
    expect((await query(router, withWidth("{ ratio: 1 }"))).errors).toEqual([]);
    expect(emulator.calls[0]?.parameters["Targets"]).toContain('"Width":1.0');
  });
});

describe("the schema of the subgraph", () => {
  it.each([
    ["Apollo", composeByApollo],
    ["The Guild", composeByTheGuild],
  ])("composes with another one, its prices included, by the rules of %s", (_whose, composeServices) => {
    const supergraph = compose(SUBGRAPHS, composeServices);
    expect(supergraph).toContain('@join__type(graph: IMM, key: "region projectName taskType taskId")');
    expect(supergraph).toContain("album: Album @join__field(graph: ALBUMS)");
    expect(supergraph).toMatch(/\): Task @join__field\(graph: IMM\) @cost\(weight: 1\)/);
    expect(supergraph).toContain('slicingArguments: ["first"]');
    expect(supergraph).toMatch(/input ImmLengthInput\s+@join__type\(graph: IMM\)/);
  });
});

describe("gateways of two regions in one supergraph", () => {
  // Each has a task of the same names, which is another task.
  async function startRegion(prefix: string, region: string, limits = {}): Promise<RunningGateway> {
    const gateway = { federation: true, federationPrefix: prefix, region, explorer: false, ...EVERY_SECOND, ...limits };
    const running = await startGateway({ gateway });
    running.emulator.addTask({ ...RUN, durationMs: 60_000, userData: region });
    return running;
  }

  async function startRegions(): Promise<
    Record<"hangzhou" | "frankfurt", RunningGateway> & { readonly router: string }
  > {
    const hangzhou = await startRegion("hangzhou", "cn-hangzhou");
    const frankfurt = await startRegion("frankfurt", "eu-central-1");
    const subgraphs = await Promise.all(
      Object.entries({ hangzhou, frankfurt }).map(async ([name, { url }]) => {
        const { data } = await query<{ _service: { sdl: string } }>(url, "{ _service { sdl } }");
        const sdl = data?._service.sdl ?? "";
        expect(sdl).toBe(printGatewaySchema({ federation: true, federationPrefix: name }));
        return { name, sdl, url: `${url}/graphql` };
      }),
    );
    const albums = [{ title: "Album", conversion: { region: "cn-hangzhou", ...RUN } }];
    const others = { name: "albums", sdl: FOREIGN_ALBUMS_SDL, url: await serveAlbums(albums) };
    return { hangzhou, frankfurt, router: await startRouter(compose([...subgraphs, others])) };
  }

  // An album cannot lead to its task here: its subgraph would not say to which gateway.
  const FOREIGN_ALBUMS_SDL = ALBUMS_SDL.replace("  conversion: Task", "");

  it("keep their tasks apart: each root field asks its own, and one fragment reads both", async () => {
    const { router, hangzhou, frankfurt } = await startRegions();
    const { data, errors } = await query(
      router,
      `{ hangzhouTask(${keyArguments(RUN)}) { ...Shown } frankfurtTask(${keyArguments(RUN)}) { ...Shown } }
       fragment Shown on Task { id region status userData }`,
    );
    expect(errors).toEqual([]);
    const shown = (region: string): unknown => ({
      id: toGlobalTaskId({ region, ...RUN }),
      region,
      status: "RUNNING",
      userData: region,
    });
    expect(data).toEqual({ hangzhouTask: shown("cn-hangzhou"), frankfurtTask: shown("eu-central-1") });
    expect([actionsOf(hangzhou.emulator), actionsOf(frankfurt.emulator)]).toEqual([["GetTask"], ["GetTask"]]);
  });

  it("join a task with what another subgraph adds to it", async () => {
    const { router, frankfurt } = await startRegions();
    const { data, errors } = await query(
      router,
      '{ hangzhouTasks(projectName: "immtest", first: 10) { nodes { taskId status album { title } } } }',
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      hangzhouTasks: { nodes: [{ taskId: "run", status: "RUNNING", album: { title: "Album" } }] },
    });
    expect(actionsOf(frankfurt.emulator)).toEqual([]);
  });

  it("start tasks in their own", async () => {
    const { router, hangzhou, frankfurt } = await startRegions();
    const { data, errors } = await query(
      router,
      `mutation { frankfurtCreateFileCompressionTask(input: {
        projectName: "immtest", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/z.zip"
      }) { task { region } isNew userErrors { code } } }`,
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      frankfurtCreateFileCompressionTask: { task: { region: "eu-central-1" }, isNew: true, userErrors: [] },
    });
    expect(actionsOf(hangzhou.emulator)).toEqual([]);
    expect(actionsOf(frankfurt.emulator)).toEqual(["CreateFileCompressionTask"]);
  });

  it("follow tasks of their own", async () => {
    const { router, hangzhou, frankfurt } = await startRegions();
    const text = await openStream(`${router}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ query: `subscription { frankfurtTaskProgress(${keyArguments(RUN)}) { region status } }` }),
    });
    const events = new SseStream(text);
    expect((await events.result()).data).toEqual({
      frankfurtTaskProgress: { region: "eu-central-1", status: "RUNNING" },
    });
    expect([hangzhou.gateway.watchedTasks, frankfurt.gateway.watchedTasks]).toEqual([0, 1]);
    frankfurt.emulator.finishTask("run");
    await nextPoll(frankfurt);
    expect((await events.result()).data).toMatchObject({ frankfurtTaskProgress: { status: "SUCCEEDED" } });
  });

  it("serve the plain names to clients that come directly, and count both alike", async () => {
    const { url } = await startRegion("hangzhou", "cn-hangzhou", { maxCallsPerOperation: 50 });
    const many = (field: string): string =>
      Array.from({ length: 60 }, (_, index) => `t${index}: ${field}(${keyArguments(RUN)}) { status }`).join(" ");
    expect((await query(url, `{ task(${keyArguments(RUN)}) { region } }`)).data).toEqual({
      task: { region: "cn-hangzhou" },
    });
    for (const field of ["task", "hangzhouTask"]) {
      expect((await query(url, `{ ${many(field)} }`)).errors).toMatchObject([
        { extensions: { code: "BAD_USER_INPUT" } },
      ]);
    }
  });

  it.each([
    ["Apollo", composeByApollo],
    ["The Guild", composeByTheGuild],
  ])("compose by the rules of %s, which without a prefix they do not", (_whose, composeServices) => {
    const composeBoth = (prefixes: readonly (string | undefined)[]): string =>
      compose(
        prefixes.map((federationPrefix, index) => ({
          name: `imm${index}`,
          sdl: printGatewaySchema({ federation: true, federationPrefix }),
          url: `http://imm${index}`,
        })),
        composeServices,
      );
    expect(composeBoth(["hangzhou", "frankfurt"])).toContain("frankfurtTaskEvents(");
    expect(() => composeBoth([undefined, undefined])).toThrow(/Query\.task/);
  });
});

/** Another team's subgraph. Its types have names that many schemas have, and mean other things by them. */
const MEDIA_SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
  type Query { shots(tag: TagInput!, within: DateTimeRange, filter: AudioFilterInput, order: OrderDirection): [VideoLabel!]! }
  input TagInput { id: Int! }
  input DateTimeRange { days: Int! }
  input AudioFilterInput { decibels: Int! }
  input VideoFilterInput { sepia: Boolean! }
  input NotificationInput { email: String! }
  enum OrderDirection { UP DOWN }
  type VideoLabel { color: Evidence!  text: Notification }
  type VideoLabelClip { reel: Int! }
  type ImageFrames { border: String! }
  type Evidence { exhibit: Int! }
  type Notification { seen: Boolean! }
  enum Status { DRAFT RUNNING }
  type PageInfo @shareable { hasNextPage: Boolean!  hasPreviousPage: Boolean!  startCursor: String  endCursor: String }
`;

describe.each([
  ["Apollo", composeByApollo],
  ["The Guild", composeByTheGuild],
])("the names of the subgraph, by the rules of %s", (_whose, composeServices) => {
  const composeWith = (sdl: string): string =>
    compose(
      [
        { name: "imm", sdl, url: "http://imm" },
        { name: "media", sdl: MEDIA_SDL, url: "http://media" },
      ],
      composeServices,
    );
  const sdl = SUBGRAPH_SDL;

  it("do not meet those of a subgraph that has the general ones", () => {
    const supergraph = composeWith(sdl);
    expect(supergraph).toMatch(/input TagInput[^{]*\{\s*id: Int!/);
    expect(supergraph).toMatch(/input TaskTagInput[^{]*\{[^}]*key: String!/);
    expect(supergraph).toMatch(/input ImmAudioFilterInput/);
  });

  // What would happen: an enum of an input loses its values, a required member is asked for that the other does not know.
  it.each([
    ["TaskTagInput", "TagInput"],
    ["TaskTimeRangeInput", "DateTimeRange"],
    ["TaskOrderDirection", "OrderDirection"],
    ["ImmAudioFilterInput", "AudioFilterInput"],
    ["ImmVideoLabel", "VideoLabel"],
  ])("would, were %s still %s", (name, general) => {
    expect(sdl).toMatch(new RegExp(`\\b${name}\\b`));
    expect(() => composeWith(sdl.replaceAll(new RegExp(`\\b${name}\\b`, "g"), general))).toThrow(general);
  });
});
