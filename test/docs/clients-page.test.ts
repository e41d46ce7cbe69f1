import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { CombinedGraphQLErrors, type ApolloClient, type TypedDocumentNode } from "@apollo/client";
import type { Client as UrqlClient } from "@urql/core";
import { buildSchema, isScalarType, isSpecifiedScalarType } from "graphql";
import type { Client as SocketClient } from "graphql-ws";
import type { Environment } from "relay-runtime";
import { WebSocket } from "ws";
import { EMULATOR_REGION } from "../../src/emulator/emulator.js";
import { createOpenApi } from "../../src/imm/wire/openapi-client.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import { createGateway } from "../../src/server/gateway.js";
import { withTimePassing } from "../support/manual-clock.js";
import { eventually } from "../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../support/next-poll.js";
import { ADDRESS, compileSnippets, placeFiles, readSnippets } from "../support/snippets.js";
import { disposeAfterTest, QUICK_LIMITS, startGateway, type RunningGateway } from "../support/start-gateway.js";

const PAGE = "docs/clients.md";
const snippets = readSnippets(PAGE);
/** Once: the JavaScript is the same for all tests, but for the port. */
const compilation = compileSnippets("clients", snippets);
const KEY = { projectName: "immtest", taskType: "FileCompression", taskId: "run" };

/** What a page has. */
beforeAll(() => {
  Object.assign(globalThis, { WebSocket });
});

/** A gateway whose task runs for ten seconds, and files of the page that talk to it, one of them run. */
async function runSnippet(
  file: string,
): Promise<{ running: RunningGateway; exported: unknown; urlOf: (name: string) => string }> {
  const running = await startGateway({ gateway: EVERY_SECOND });
  running.emulator.addTask({ ...KEY, durationMs: 10_000 });
  const files = new Map((await compilation).compiled);
  for (const [name, code] of files) files.set(name, code.replaceAll(ADDRESS, `127.0.0.1:${running.port}`));
  // A hundred times as impatient as a page.
  files.set("socket.js", String(files.get("socket.js")).replace("1_000", "10"));
  const urlOf = placeFiles(`run-${file.replace(".", "-")}`, files);
  const { socket } = (await import(urlOf("socket.js"))) as { socket: { dispose(): void } };
  disposeAfterTest(() => socket.dispose());
  return { running, exported: (await import(urlOf(file))) as unknown, urlOf };
}

/** A gateway where one was stopped, in front of the same IMM. */
async function startAgain({ emulator, clock, port }: RunningGateway): Promise<void> {
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(emulator.url),
    accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "test",
  });
  const gateway = createGateway({ region: EMULATOR_REGION, ...QUICK_LIMITS, openApi, clock, port });
  disposeAfterTest(async () => gateway.stop());
  await gateway.start();
}

/** What a subscriber is sent until its task is done. */
class Received<T> {
  readonly events: T[] = [];
  readonly failures: unknown[] = [];
  hasEnded = false;

  readonly sink = {
    next: (event: T): void => void this.events.push(event),
    error: (error: unknown): void => void this.failures.push(error),
    complete: (): void => {
      this.hasEnded = true;
    },
  };

  async untilDone(running: RunningGateway): Promise<readonly T[]> {
    await eventually(() => this.events.length > 0 || this.failures.length > 0);
    while (running.gateway.watchedTasks > 0) await nextPoll(running);
    await eventually(() => this.hasEnded || this.failures.length > 0);
    if (this.failures.length > 0) throw new Error("The subscription failed.", { cause: this.failures[0] });
    // What it was sent on the way, and not the end alone.
    if (this.events.length <= 5) throw new Error(`Only ${this.events.length} events came.`);
    return this.events;
  }
}

interface Progress {
  readonly taskProgress: { readonly status: string; readonly progress: number };
}

const FOLLOW = `subscription Follow($key: TaskKeyInput!) {
  taskProgress(key: $key) { status progress }
}`;
const LOOK = `query Look($key: TaskKeyInput!) {
  task(key: $key) { status progress }
}`;

describe("docs/clients.md", () => {
  it("has code that compiles in strict TypeScript", async () => {
    expect([...snippets.keys()]).toEqual(expect.arrayContaining(["socket.ts", "apollo.ts", "task-bar.tsx", "urql.ts"]));
    expect((await compilation).errors).toBe("");
  });

  it("has the component of the README", () => {
    expect(readSnippets("README.md").get("task-bar.tsx")).toBe(snippets.get("task-bar.tsx"));
  });

  it("gives each scalar of the schema the TypeScript type that the example gives it", () => {
    const schema = buildSchema(readFileSync(new URL("../../../schema.graphql", import.meta.url), "utf8"));
    const names = Object.values(schema.getTypeMap()).filter(
      (type) => isScalarType(type) && !isSpecifiedScalarType(type),
    );
    const scalars = scalarsIn(snippets.get("codegen.ts") ?? "");
    expect(new Set(scalars.keys())).toEqual(new Set(names.map(({ name }) => name)));
    const example = readFileSync(new URL("../../../examples/react/codegen.ts", import.meta.url), "utf8");
    expect(scalarsIn(example)).toEqual(scalars);
    const page = readFileSync(new URL(`../../../${PAGE}`, import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `(\w+)` +\| `([^`]*)` +\|/gm)];
    const told = new Map(rows.map(([, name = "", type = ""]) => [name, type.replace("\\|", "|")]));
    expect(told).toEqual(scalars);
  });
});

/** The types of scalars, by name, that a configuration gives. */
function scalarsIn(source: string): ReadonlyMap<string, string> {
  const [, members = ""] = /scalars(?: =|:) \{([^}]*)\}/.exec(source) ?? [];
  return new Map([...members.matchAll(/(\w+): "([^"]*)"/g)].map(([, name = "", type = ""]) => [name, type]));
}

describe("the socket", () => {
  it("goes on with a subscription when the gateway comes back after its port was refused for a while", async () => {
    const { running, exported } = await runSnippet("socket.js");
    const { socket } = exported as { socket: SocketClient };
    const received = new Received<{ data?: Progress | null }>();
    const unsubscribe = socket.subscribe<Progress>({ query: FOLLOW, variables: { key: KEY } }, received.sink);
    await eventually(() => received.events.length === 1);

    let refusals = 0;
    socket.on("error", () => (refusals += 1));
    await running.gateway.stop();
    await eventually(() => refusals >= 2 || received.failures.length > 0);
    expect(received).toMatchObject({ failures: [], hasEnded: false });

    await running.clock.advance(5_000);
    await startAgain(running);
    await eventually(() => received.events.length === 2);
    expect(received.events[1]).toEqual({ data: { taskProgress: { status: "RUNNING", progress: 49 } } });
    unsubscribe();
  });
});

describe.each(["apollo", "apollo-http"])("Apollo Client as %s.ts has it", (name) => {
  it("looks at a task, follows it to its end, and keeps one cache entry of it", async () => {
    type Documents = Record<"LOOK" | "FOLLOW", TypedDocumentNode>;
    const { running, exported, urlOf } = await runSnippet(`${name}.js`);
    const { client } = exported as { client: ApolloClient };
    disposeAfterTest(() => client.stop());
    const { LOOK, FOLLOW } = (await import(urlOf("apollo.js"))) as Documents;
    expect((await client.query({ query: LOOK, variables: { key: KEY } })).data).toMatchObject({
      task: { status: "RUNNING" },
    });
    const received = new Received<unknown>();
    const following = client.subscribe({ query: FOLLOW, variables: { key: KEY } }).subscribe(received.sink);
    disposeAfterTest(() => following.unsubscribe());
    await received.untilDone(running);
    expect(client.readQuery({ query: LOOK, variables: { key: KEY } })).toMatchObject({
      task: { status: "SUCCEEDED", progress: 100, isDone: true },
    });
    const refused = client.query({ query: LOOK, variables: { key: { ...KEY, taskId: "nobody" } } });
    await expect(refused).rejects.toThrow(/^IMM knows no such task/);
    await expect(refused).rejects.toBeInstanceOf(CombinedGraphQLErrors);
  });
});

describe.each(["urql", "urql-sse"])("urql as %s.ts has it", (name) => {
  it("looks at a task and follows it to its end", async () => {
    const { running, exported } = await runSnippet(`${name}.js`);
    const { client } = exported as { client: UrqlClient };
    expect((await client.query(LOOK, { key: KEY })).data).toMatchObject({ task: { status: "RUNNING" } });
    const received = new Received<Progress | undefined>();
    const following = client.subscription<Progress>(FOLLOW, { key: KEY }).subscribe(({ data, error, hasNext }) => {
      if (error) received.sink.error(error);
      else if (hasNext) received.sink.next(data);
      else received.sink.complete();
    });
    disposeAfterTest(() => following.unsubscribe());
    const events = await received.untilDone(running);
    expect(events.at(-1)).toMatchObject({ taskProgress: { status: "SUCCEEDED", progress: 100 } });
    const { error } = await client.query(LOOK, { key: { ...KEY, taskId: "nobody" } });
    expect(error?.graphQLErrors[0]?.message).toMatch(/^IMM knows no such task/);
    expect(error?.message).toMatch(/^\[GraphQL\] IMM knows no such task/);
  });
});

describe("Relay as relay.ts has it", () => {
  it("looks at a task and follows it to its end", async () => {
    const { running, exported } = await runSnippet("relay.js");
    const network = (exported as { environment: Environment }).environment.getNetwork();
    const send = (operationKind: "query" | "subscription", text: string, taskId = KEY.taskId) =>
      network.execute(
        { operationKind, text, name: "Any", id: null, cacheID: text, metadata: {} },
        { key: { ...KEY, taskId } },
        {},
      );
    expect(await send("query", LOOK).toPromise()).toMatchObject({ data: { task: { status: "RUNNING" } } });
    const received = new Received<unknown>();
    send("subscription", FOLLOW).subscribe(received.sink);
    const events = await received.untilDone(running);
    expect(events.at(-1)).toMatchObject({ data: { taskProgress: { status: "SUCCEEDED" } } });
    expect(await send("query", LOOK, "nobody").toPromise()).toMatchObject({
      errors: [{ message: expect.stringMatching(/^IMM knows no such task/) }],
    });
  });
});

describe("graphql-request as graphql-request.ts has it", () => {
  it("waits for a task to end", async () => {
    const { running, exported } = await runSnippet("graphql-request.js");
    const { waitForTask } = exported as { waitForTask: (key: typeof KEY) => Promise<unknown> };
    const waiting = withTimePassing(running.clock, waitForTask(KEY));
    expect(await waiting).toEqual({ status: "SUCCEEDED", isDone: true, error: null });
    await expect(waitForTask({ ...KEY, taskId: "nobody" })).rejects.toMatchObject({
      response: { errors: [{ message: expect.stringMatching(/^IMM knows no such task/) }] },
    });
  });
});
