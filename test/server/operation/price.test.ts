import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  getNullableType,
  getOperationAST,
  getVariableValues,
  isEnumType,
  isInputObjectType,
  isListType,
  parse,
  type GraphQLInputType,
} from "graphql";
import { createSchema } from "../../../src/schema/build-schema.js";
import { countOperation, type OperationCount } from "../../../src/server/operation/operation-count.js";
import { priceOperation } from "../../../src/server/operation/price.js";
import { refuseVariables } from "../../../src/server/operation/variables.js";
import { transports } from "../../support/every-transport.js";
import { HISTORIES } from "../../support/histories.js";
import { startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { actionsOf } from "../../support/start-reader.js";

type Variables = Readonly<Record<string, unknown>>;

const schema = createSchema({ federation: true });
const KEY = 'key: { projectName: "p", taskType: "t", taskId: "i" }';

/** Whether an operation stays within so many fields. */
function fits(text: string, maxOperationCost: number, variables: Variables = {}): boolean {
  const operation = { schema, document: parse(text), operationName: null, variables };
  const limits = { maxOperationCost, maxCreatesPerOperation: 2, maxCallsPerOperation: 200 };
  return "count" in priceOperation(operation, limits);
}

/** @param variables - coerced. */
function count(text: string, variables: Variables = {}, countedSchema = schema): OperationCount {
  const document = parse(text);
  const root = getOperationAST(document);
  if (!root) throw new Error("There is not one operation.");
  return countOperation({ schema: countedSchema, document, root, variables, maxSelections: 20_000 });
}

/** Every type that an argument has. */
const argumentTypes = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((root) =>
  Object.values(root?.getFields() ?? {}).flatMap(({ args }) => args.map(({ type }) => type)),
);
const ODD = [null, undefined, 1, 1.5, -0, "", "x", true, [], [null], {}, { projectName: 1 }, "2026-02-30T00:00:00Z"];
const LEAVES = ["a", 1, true, "2026-01-01T00:00:00Z", "oss://b/o", { a: 1 }];

/** Fits its type for the most part. */
function drawValue(draw: <T>(values: readonly T[]) => T, declared: GraphQLInputType): unknown {
  if (draw(Array.from({ length: 25 }, (_value, index) => index === 0))) return draw(ODD);
  const type = getNullableType(declared);
  if (isListType(type)) {
    const items = Array.from({ length: draw([0, 1, 2]) }, () => drawValue(draw, type.ofType));
    return items.length === 1 && draw([true, false]) ? items[0] : items;
  }
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    const given = type.isOneOf ? [draw(fields)] : fields.filter(() => draw([true, true, false]));
    return Object.fromEntries(given.map((field) => [field.name, drawValue(draw, field.type)]));
  }
  return isEnumType(type) ? draw(type.getValues()).name : draw(LEAVES);
}

describe("variables", () => {
  it("are refused exactly where graphql-js refuses them", () => {
    let fitting = 0;
    fc.assert(
      fc.property(fc.gen(), fc.constantFrom(...argumentTypes), (draw, type) => {
        const value = drawValue((values) => draw(fc.constantFrom, ...values) as never, type);
        const root = getOperationAST(parse(`query ($v: ${String(type)}) { __typename }`));
        if (!root) throw new Error("There is no operation.");
        const { errors } = getVariableValues(schema, root.variableDefinitions ?? [], { v: value });
        fitting += errors === undefined ? 1 : 0;
        expect([String(type), value, refuseVariables(schema, root, { v: value }) === null]).toEqual([
          String(type),
          value,
          errors === undefined,
        ]);
      }),
      { numRuns: HISTORIES * 2 },
    );
    expect(fitting).toBeGreaterThan(HISTORIES / 10);
  });
});

describe("the fields of an operation", () => {
  it.each<[string, string, number]>([
    ["a list by its length", '{ tasks(projectName: "p", first: 50) { nodes { id } } }', 1 + 50 * 2],
    ["a task that is read by itself", `{ task(${KEY}) { id } }`, 1 + 1],
    ["its result and event id", `{ task(${KEY}) { eventId result { __typename } } }`, 1 + 1 + 2],
    ["each of several ids", '{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3 * 1],
    ["representations", '{ _entities(representations: [{ __typename: "Task", id: "a" }]) { __typename } }', 1 + 1],
    ["progress in a list", '{ tasks(projectName: "p", first: 50) { nodes { id progress } } }', 1 + 50 * 3],
    [
      "progress under many names",
      `{ task(${KEY}) { a: progress b: progress c: progress d: progress } }`,
      1 + 4 + 3 * 10,
    ],
    [
      "what fragments repeat",
      `{ task(${KEY}) { ...A ...A ... on Node { id ...B } } } fragment A on Task { id ...B } fragment B on Task { status }`,
      1 + 6,
    ],
    [
      "of several types the one with the most",
      `{ task(${KEY}) { result { __typename ... on ImageModerationResult { __typename a: __typename b: __typename } ... on VideoModerationResult { c: __typename } } } }`,
      1 + 1 + 2 + 2,
    ],
    ["the types of the schema", "{ __schema { types { fields { name } } } }", 1 + 1 + 40 * (1 + 3)],
  ])("counts %s", (_what, text, fields) => {
    expect(count(text).fields).toBe(fields);
  });

  it("lets the whole schema be asked for, and not a hundred times", () => {
    const text = "{ __schema { types { fields { name type { name } } } } }";
    const many = Array.from({ length: 100 }, (_value, index) => `a${index}: ${text.slice(2, -2)}`).join(" ");
    expect([fits(text, 20_000), fits(`{ ${many} }`, 20_000)]).toEqual([true, false]);
  });

  it("counts mutations, and those that are skipped do not count", () => {
    const text = `mutation ($no: Boolean!) { a: rerunTask(input: { id: "x" }) { isNew } ...F c: rerunTask(input: { id: "x" }) @include(if: $no) { isNew } }
      fragment F on Mutation { b: rerunTask(input: { id: "x" }) { isNew } }`;
    expect([fits(text, 100, { no: false }), fits(text, 100, { no: true })]).toEqual([true, false]);
  });

  it("looks no further into variables than to the first that are wrong", () => {
    let seen = 0;
    const keys = Array.from({ length: 1_000 }, () => ({
      get projectName() {
        seen += 1;
        return 1;
      },
    }));
    const text = "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { id } }";
    expect(fits(text, 100, { keys })).toBe(false);
    expect(seen).toBeLessThan(5);
  });
});

/** A list of so many keys, as a variable. */
function keys(length: number): Variables {
  return {
    keys: Array.from({ length }, (_, index) => ({
      projectName: "immtest",
      taskType: "FileCompression",
      taskId: `i${index}`,
    })),
  };
}

const LISTED = 'tasks(projectName: "immtest"';
const BY_KEYS = "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys)";
const CREATE = "mutation ($input: CreateFileCompressionTaskInput!) { createFileCompressionTask(input: $input)";
const FOLLOWED = "subscription ($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys)";

describe("the calls of an operation", () => {
  it.each<[calls: number, what: string, text: string, variables?: Variables]>([
    [0, "the catalogue", "{ taskTypes { name } __typename __schema { types { name } } }"],
    [1, "a task", `{ task(${KEY}) { status } }`],
    [1, "its event id, which comes with it", `{ task(${KEY}) { eventId } }`],
    [2, "its progress", `{ task(${KEY}) { progress } }`],
    [3, "its progress and result", `{ task(${KEY}) { progress result { __typename } eventId } }`],
    [2, "one field under several names", `{ task(${KEY}) { a: progress b: progress ... on Task { progress } } }`],
    [2, "two tasks", `{ a: task(${KEY}) { status } b: node(id: "x") { id } }`],
    [
      1,
      "one that two fragments select",
      `{ ...A ...B } fragment A on Query { task(${KEY}) { id } } fragment B on Query { task(${KEY}) { status } }`,
    ],
    [100, "tasks by key", `${BY_KEYS} { status } }`, keys(100)],
    [200, "tasks by key, their progress", `${BY_KEYS} { status progress } }`, keys(100)],
    [300, "tasks by key, their progress and result", `${BY_KEYS} { progress result { __typename } } }`, keys(100)],
    [6, "tasks by id", '{ nodes(ids: ["a", "b", "c"]) { ... on Task { progress } } }'],
    [2, "representations", '{ _entities(representations: [{ id: "a" }]) { ... on Task { progress } } }'],
    [
      1,
      "a page of a list, its progress",
      `{ ${LISTED}, first: 100) { nodes { progress } edges { node { progress } } } }`,
    ],
    [1, "a list without a length", `{ ${LISTED}) { nodes { status } } }`],
    [1, "a list whose length is no list", `{ ${LISTED}, first: -1) { nodes { status } } }`],
    [
      3,
      "three pages of a list",
      `query ($first: Int!) { ${LISTED}, first: $first) { nodes { status } } }`,
      { first: 201 },
    ],
    [101, "a page, its event ids", `{ ${LISTED}, first: 100) { nodes { eventId } } }`],
    [101, "a page, its event ids twice", `{ ${LISTED}, first: 100) { nodes { eventId } edges { node { eventId } } } }`],
    [21, "a page, its event ids and results", `{ ${LISTED}, first: 10) { nodes { eventId result { __typename } } } }`],
    [
      1,
      "a page of which nothing more is included",
      `{ ${LISTED}) { nodes { eventId @skip(if: true) ...R @include(if: false) } } } fragment R on Task { result { __typename } }`,
    ],
    [1, "a wait with its progress", `{ awaitTask(${KEY}) { progress } }`],
    [1, "a subscription", `subscription { taskProgress(${KEY}) { progress } }`],
    [100, "a subscription of keys", `${FOLLOWED} { task { status progress } } }`, keys(100)],
    [300, "a subscription of keys, all of it", `${FOLLOWED} { task { eventId result { __typename } } } }`, keys(100)],
    [
      2,
      "a subscription of a project",
      'subscription { projectEvents(projectName: "p") { task { progress eventId } } }',
    ],
    [2, "a create", `${CREATE} { isNew eventId } }`, { input: {} }],
    [4, "a create, its task", `${CREATE} { task { progress } } }`, { input: {} }],
    [3, "a rerun", 'mutation { rerunTask(input: { id: "x" }) { isNew } }'],
  ])("are %i for %s", (...[calls, , text, variables]) => {
    expect(count(text, variables).calls).toBe(calls);
  });

  it("are the same under the names of a supergraph with several gateways", () => {
    const prefixed = createSchema({ federation: true, federationPrefix: "hangzhou" });
    const text = `${BY_KEYS} { progress } }`;
    const both = [text, text.replace("tasksByKey", "hangzhouTasksByKey")];
    expect(both.map((each) => count(each, keys(3), prefixed).calls)).toEqual([6, 6]);
    const rerun = 'mutation { hangzhouRerunTask(input: { id: "x" }) { isNew } }';
    expect(count(rerun, {}, prefixed)).toEqual({ fields: 2, calls: 3, mutations: 1, projectStreams: 0 });
  });

  it("are those of the variables at hand, for a document that was counted with others", () => {
    const document = parse(
      `query ($keys: [TaskKeyInput!]!, $first: Int, $with: Boolean!) { tasksByKey(keys: $keys) { progress @include(if: $with) } ${LISTED}, first: $first) { nodes { id } } }`,
    );
    const root = getOperationAST(document);
    const callsWith = (variables: Variables): number =>
      root ? countOperation({ schema, document, root, variables, maxSelections: 100 }).calls : NaN;
    const variables = [
      { ...keys(3), first: 100, with: true },
      { ...keys(3), first: 100, with: true },
      { ...keys(3), first: 100, with: false },
      { ...keys(4), first: 100, with: false },
      { ...keys(4), first: 300, with: false },
      { ...keys(4), first: null, with: false },
      { ...keys(3), first: 100, with: true },
    ];
    expect(variables.map(callsWith)).toEqual([7, 7, 4, 5, 7, 5, 7]);
  });
});

describe("an operation over a limit", () => {
  const limits = { maxCallsPerOperation: 10, maxCreatesPerOperation: 1, maxOperationCost: 50 };
  const rerun = 'rerunTask(input: { id: "x" }) { isNew }';

  async function start(gateway = {}): Promise<RunningGateway> {
    const running = await startGateway({ gateway });
    for (let index = 0; index < 100; index += 1) {
      running.emulator.addTask({ taskType: "FileCompression", taskId: `i${index}`, durationMs: 0 });
    }
    return running;
  }

  it.each(Object.entries(transports))("is refused without a call: %s", async (_letter, send) => {
    const { url, emulator } = await start(limits);
    const operations: readonly [string, Variables, string][] = [
      [`${BY_KEYS} { status progress } }`, keys(6), "at most 10 calls to IMM, got one of up to 12."],
      [`${FOLLOWED} { task { status } } }`, keys(11), "at most 10 calls to IMM, got one of up to 11."],
      [`{ ${LISTED}, first: 50) { nodes { id } } }`, {}, "at most 50 fields, those below a list argument"],
      [`mutation { a: ${rerun} b: ${rerun} }`, {}, "at most 1 mutations."],
    ];
    for (const [query, variables, words] of operations) {
      const { errors, data } = await send(url, JSON.stringify({ query, variables }));
      expect(data ?? null).toBeNull();
      expect(errors).toMatchObject([
        { message: expect.stringContaining(words), extensions: { code: "BAD_USER_INPUT" } },
      ]);
    }
    expect(emulator.calls).toEqual([]);
  });

  it.each(Object.entries(transports))("is none that means as many calls as there may be: %s", async (_letter, send) => {
    const { url } = await start(limits);
    const { errors } = await send(
      url,
      JSON.stringify({ query: `${BY_KEYS} { status progress } }`, variables: keys(5) }),
    );
    expect(errors).toEqual([]);
  });

  it("is none of what a page shows, at the defaults: 100 listed, by key or followed", async () => {
    const { url, emulator } = await start();
    const passing: readonly [string, Variables][] = [
      [`{ ${LISTED}, first: 100) { nodes { status progress } } }`, {}],
      [`{ ${LISTED}, first: 100) { nodes { status eventId } } }`, {}],
      [`${BY_KEYS} { status progress } }`, keys(100)],
      [`${FOLLOWED} { task { status progress } } }`, keys(100)],
    ];
    for (const [query, variables] of passing) {
      const { errors, data } = await transports.S(url, JSON.stringify({ query, variables }));
      expect([errors, typeof data]).toEqual([[], "object"]);
    }
    emulator.clearCalls();
    const query = `${BY_KEYS} { progress result { __typename } } }`;
    const { status, errors } = await transports.P(url, JSON.stringify({ query, variables: keys(100) }));
    expect(status).toBe(400);
    expect(errors).toMatchObject([
      { message: "Expected an operation of at most 200 calls to IMM, got one of up to 300." },
    ]);
    expect(actionsOf(emulator)).toEqual([]);
  });
});
