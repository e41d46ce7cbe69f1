import { describe, expect, it } from "@jest/globals";
import { MAX_JSON_DEPTH } from "../../../src/json.js";
import { sendBySocket, transports, type Outcome } from "../../support/every-transport.js";
import { eventually } from "../../support/eventually.js";
import { keyArguments, query } from "../../support/query.js";
import { withTimePassing } from "../../support/manual-clock.js";
import { RawSocket, subscribeMessage } from "../../support/raw-socket.js";
import { startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { RUN } from "../../support/tasks.js";

const KEY = keyArguments(RUN);
const FOLLOW = `subscription { taskProgress(${KEY}) { status progress } }`;

function nest(depth: number): string {
  return `${"[".repeat(depth)}${"]".repeat(depth)}`;
}

async function start(gateway: object = {}): Promise<RunningGateway> {
  const running = await startGateway({ gateway });
  running.emulator.addTask({ ...RUN, durationMs: Infinity });
  return running;
}

function codesOf({ errors }: Outcome): readonly unknown[] {
  return [...new Set(errors.map(({ extensions }) => extensions["code"]))];
}

/** An operation over each transport; the socket carries an innocent subscription, which must go on. */
async function sendToAll(running: RunningGateway, json: string): Promise<Readonly<Record<string, Outcome>>> {
  const { url, emulator, clock } = running;
  const socket = await RawSocket.open(url);
  socket.send(subscribeMessage("innocent", FOLLOW));
  await eventually(() => socket.of("innocent").length === 1);
  const outcomes: Record<string, Outcome> = {};
  for (const name of ["P", "S", "M"] as const) outcomes[name] = await transports[name](url, json);
  outcomes["W"] = await sendBySocket(socket, json);
  emulator.setProgress(RUN.taskId, 50);
  const before = socket.of("innocent").length;
  const next = eventually(() => socket.of("innocent").length > before);
  await withTimePassing(clock, next);
  emulator.setProgress(RUN.taskId, 0);
  expect(socket.of("innocent").at(-1)).toMatchObject({
    type: "next",
    payload: { data: { taskProgress: { progress: 50 } } },
  });
  return outcomes;
}

describe("a subscription whose root is selected under a condition", () => {
  const SELECTION = `taskProgress(${KEY})`;
  it.each<[string, string, object | undefined]>([
    [
      "@include by a variable that is given",
      `subscription($b:Boolean!){${SELECTION} @include(if:$b){status}}`,
      { b: false },
    ],
    [
      "@include by a variable that is not given",
      `subscription($b:Boolean!){${SELECTION} @include(if:$b){status}}`,
      undefined,
    ],
    [
      "@include by a variable that is true",
      `subscription($b:Boolean!){${SELECTION} @include(if:$b){status}}`,
      { b: true },
    ],
    ["@skip", `subscription($b:Boolean!){${SELECTION} @skip(if:$b){status}}`, { b: true }],
    ["@include(if: false)", `subscription{${SELECTION} @include(if:false){status}}`, undefined],
    ["@skip on an inline fragment", `subscription{... @skip(if:true){${SELECTION}{status}}}`, undefined],
    [
      "@include on a typed fragment",
      `subscription{... on Subscription @include(if:false){${SELECTION}{status}}}`,
      undefined,
    ],
    [
      "@skip on a spread",
      `subscription{...F @skip(if:true)} fragment F on Subscription{${SELECTION}{status}}`,
      undefined,
    ],
    [
      "@skip within a fragment",
      `subscription{...F} fragment F on Subscription{...G} fragment G on Subscription{${SELECTION} @skip(if:true){status}}`,
      undefined,
    ],
  ])("is refused as that operation, and no other: %s", async (_what, document, variables) => {
    const running = await start();
    const outcomes = await sendToAll(running, JSON.stringify({ query: document, variables }));
    for (const outcome of Object.values(outcomes)) {
      expect(codesOf(outcome)).toEqual(["GRAPHQL_VALIDATION_FAILED"]);
      expect(outcome.errors[0]?.message).toMatch(/^Expected the root of a subscription to be selected without @/);
      expect(outcome.data).toBeUndefined();
    }
    expect([outcomes["P"]?.status, outcomes["M"]?.status]).toEqual([400, 400]);
    expect((await query(running.url, "{ __typename }")).data).toEqual({ __typename: "Query" });
  });

  it("may select its fields under one", async () => {
    const { url } = await start();
    const document = `subscription($b:Boolean!){${SELECTION}{status @include(if:$b) ...{progress @skip(if:$b)}}}`;
    const outcome = await transports.W(url, JSON.stringify({ query: document, variables: { b: true } }));
    expect(outcome.data).toEqual({ taskProgress: { status: "RUNNING" } });
  });

  it("stops the start with one sentence when it is in the manifest", async () => {
    const persistedOperations = { bad: `subscription{${SELECTION} @include(if:false){status}}` };
    await expect(
      startGateway({ gateway: { persistedOperations, persistedOperationsSource: "m.json" } }),
    ).rejects.toThrow(
      'm.json: the document "bad" cannot be executed: Expected the root of a subscription to be selected without @include.',
    );
  });
});

describe("values of clients that are nested too deep", () => {
  const TAGS = "mutation($input: CreateImageModerationTaskInput!){createImageModerationTask(input:$input){isNew}}";

  it.each<[string, string, string]>([
    [
      "a variable that no operation uses",
      "unused",
      `{"query":${JSON.stringify(FOLLOW)},"variables":{"unused":${nest(10_000)}}}`,
    ],
    [
      "the second of two variables",
      "b",
      `{"query":"{ __typename }","variables":{"a":1,"b":{"c":${nest(MAX_JSON_DEPTH)}}}}`,
    ],
    [
      "the tags of a create",
      "input.tags",
      `{"query":${JSON.stringify(TAGS)},"variables":{"input":{"projectName":"immtest","sourceUri":"oss://b/a","tags":{"a":${nest(5_000)}}}}}`,
    ],
    ["the extensions", "extensions", `{"query":${JSON.stringify(FOLLOW)},"extensions":{"a":${nest(10_000)}}}`],
    [
      "the extensions of a named document",
      "extensions",
      `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"},"a":${nest(100_000)}},"query":""}`,
    ],
    [
      "a variable called __proto__ within another",
      "v",
      `{"query":"{ __typename }","variables":{"v":{"constructor":${nest(100)}}}}`,
    ],
  ])("are BAD_USER_INPUT for that operation, naming the argument: %s", async (_what, argument, json) => {
    const running = await start();
    const outcomes = await sendToAll(running, json);
    for (const { errors } of Object.values(outcomes)) {
      expect(errors).toMatchObject([
        {
          message: `Expected \`${argument}\` to be nested at most 64 deep.`,
          extensions: { code: "BAD_USER_INPUT", argument },
        },
      ]);
    }
    expect(outcomes["P"]?.status).toBe(400);
    expect(running.emulator.calls.filter(({ action }) => action.startsWith("Create"))).toEqual([]);
  });

  it("are refused in the URL of a GET as well", async () => {
    const { url } = await start();
    for (const search of [`variables={"v":${nest(3_000)}}`, `documentId=x&extensions={"a":${nest(3_000)}}`]) {
      const response = await fetch(`${url}/graphql?query={__typename}&${search}`, {
        headers: { "apollo-require-preflight": "1" },
      });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "BAD_USER_INPUT" } }] });
    }
  });

  it("may be as deep as the bound", async () => {
    const { url } = await start();
    const json = `{"query":"{ __typename }","variables":{"v":${nest(MAX_JSON_DEPTH)}},"extensions":{"a":${nest(MAX_JSON_DEPTH - 1)}}}`;
    for (const name of ["P", "S", "W"] as const) expect((await transports[name](url, json)).errors).toEqual([]);
  });
});

describe("documents that are nested absurdly deep", () => {
  const VALIDATION = ["GRAPHQL_VALIDATION_FAILED"];
  const EITHER = /^GRAPHQL_(PARSE|VALIDATION)_FAILED$/;
  const literal = (value: string): string =>
    `mutation{createImageModerationTask(input:{projectName:"immtest",sourceUri:"oss://b/a",tags:${value}}){isNew}}`;

  it.each<[string, string, readonly string[] | null]>([
    ["selections", `{${"taskTypes{".repeat(900)}name${"}".repeat(901)}`, VALIDATION],
    ["selections, with a stack that is full", `{${"a{".repeat(80_000)}b${"}".repeat(80_001)}`, null],
    ["inline fragments", `{${"...{".repeat(900)}__typename${"}".repeat(901)}`, VALIDATION],
    ["inline fragments, with a stack that is full", `{${"...{".repeat(50_000)}__typename${"}".repeat(50_001)}`, null],
    ["lists", `{node(id:${nest(1_000)}){id}}`, VALIDATION],
    ["lists, with a stack that is full", `{node(id:${nest(120_000)}){id}}`, null],
    ["lists of types", `query($v:${"[".repeat(1_000)}Int${"]".repeat(1_000)}){__typename}`, VALIDATION],
    ["object literals", literal(`${"{a:".repeat(1_000)}1${"}".repeat(1_000)}`), VALIDATION],
    ["object literals, with a stack that is full", literal(`${"{a:".repeat(60_000)}1${"}".repeat(60_000)}`), null],
    ["a default", `query($v:Int=${nest(1_000)}){__typename}`, VALIDATION],
    [
      "fragments in fragments",
      `{...f0}${Array.from({ length: 6_000 }, (_v, i) => `fragment f${i} on Query{...f${i + 1}}`).join("")}`,
      VALIDATION,
    ],
  ])("are refused as that operation, and no other: %s", async (_what, document, codes) => {
    const running = await start({ maxQueryTokens: 1_000_000 });
    const outcomes = await sendToAll(running, JSON.stringify({ query: document }));
    const either: unknown = expect.stringMatching(EITHER);
    for (const outcome of Object.values(outcomes)) expect(codesOf(outcome)).toEqual(codes ?? [either]);
    expect([outcomes["P"]?.status, outcomes["M"]?.status]).toEqual([400, 400]);
    expect(running.logger.lines.join("")).not.toContain("RangeError");
  });

  it("may be as deep as the bound, in selections and in each value", async () => {
    const { url } = await start();
    const value = `${"[".repeat(63)}1${"]".repeat(63)}`;
    const document = `query($v:${"[".repeat(63)}Int${"]".repeat(63)}=${value}){${"...{".repeat(62)}a:__typename @include(if:true)${"}".repeat(62)}}`;
    const { errors } = await transports.P(url, JSON.stringify({ query: document }));
    expect(errors.map(({ message }) => message)).toEqual(['Variable "$v" is never used.']);
  });
});

describe("odd requests", () => {
  it.each<[string, string]>([
    ["variables that are a list", `{"query":"{ __typename }","variables":[1]}`],
    ["variables that are a text", `{"query":"{ __typename }","variables":"{}"}`],
    ["variables that are a number", `{"query":"{ __typename }","variables":1}`],
    ["a name that is a number", `{"query":"{ __typename }","operationName":1}`],
    ["a name that is an object", `{"query":"{ __typename }","operationName":{"a":1}}`],
    ["a name that nothing has", `{"query":"{ __typename }","operationName":"__proto__"}`],
    ["a name that is empty", `{"query":"{ __typename }","operationName":""}`],
    ["a document that is a list", `{"query":["{ __typename }"]}`],
    ["extensions that are a list", `{"query":"{ a }","extensions":[1]}`],
    ["a variable that inherits a value", `{"query":"query($toString: ID!){node(id:$toString){id}}","variables":{}}`],
    [
      "a number beyond all numbers",
      `{"query":"query($n: Int){tasks(projectName:\\"immtest\\",first:$n){nodes{id}}}","variables":{"n":1e999}}`,
    ],
  ])("are refused, or answered, without a failure: %s", async (_what, json) => {
    const { url, logger } = await start();
    for (const [name, send] of Object.entries(transports)) {
      // A message of a wrong form breaks the protocol of a WebSocket, and SSE has a body of its own for it.
      const outcome = await send(url, json).catch((error: Error) => error.message);
      if (typeof outcome === "string") continue;
      expect([name, codesOf(outcome)]).not.toEqual([name, ["INTERNAL_SERVER_ERROR"]]);
      // Of the others, those that stream have begun to answer.
      expect(name === "P" ? outcome.status : 400).toBe(400);
    }
    expect(logger.lines.join("")).not.toContain("unexpected");
    expect((await query(url, "{ __typename }")).data).toEqual({ __typename: "Query" });
  });

  it("give a mutation no value that it inherits", async () => {
    const { url, emulator } = await start();
    const document = "mutation($constructor: ID!){rerunTask(input:{id:$constructor}){isNew}}";
    const { errors } = await query(url, document);
    expect(errors).toMatchObject([{ message: "Expected `constructor` to be given." }]);
    expect(emulator.calls).toEqual([]);
  });
});
