import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { EMULATOR_REGION } from "../../src/emulator/emulator.js";
import { toGlobalTaskId } from "../../src/tasks/task-id.js";
import { attackGateway } from "./attacked-gateway.js";
import { documents, jsonTexts, variableTexts } from "./generated.js";
import { expectHarmless, holdsFor } from "./harmless.js";
import { INNOCENT_KEY } from "./innocents.js";
import type { HostileOperation } from "./transports.js";

const attacked = attackGateway();

const FOLLOW = `subscription { taskProgress(${INNOCENT_KEY}) { status } }`;
const CREATE =
  "mutation ($input: CreateOfficeConversionTaskInput!) { createOfficeConversionTask(input: $input) { task { id } } }";

function deep(depth: number, begin = "[", end = "]"): string {
  return begin.repeat(depth) + end.repeat(depth);
}

function createWith(member: string): string {
  return `{"input":{"projectName":"immtest","sourceUri":"oss://a/b","targetType":"PDF","targetUri":"oss://a/c",${member}}}`;
}

describe("variables are refused with their operation, over every transport", () => {
  it.each<[string, HostileOperation, string | null]>([
    [
      "one that a subscription does not use, nested 10,000 deep",
      { query: FOLLOW, variables: `{"unused":${deep(10_000)}}` },
      null,
    ],
    [
      "one that a subscription does not use, nested 1,000 deep",
      { query: FOLLOW, variables: `{"unused":${deep(1_000)}}` },
      null,
    ],
    [
      "one that a query does not use, of objects",
      { query: "{ __typename }", variables: `{"unused":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}` },
      null,
    ],
    [
      "one that a mutation does not use",
      {
        query: `mutation { rerunTask(input: { id: "${toGlobalTaskId({ region: EMULATOR_REGION, projectName: "immtest", taskType: "FileCompression", taskId: "nobody" })}" }) { task { id } } }`,
        variables: `{"unused":${deep(100_000)}}`,
      },
      null,
    ],
    [
      "a create's tags nested 5,000 deep",
      { query: CREATE, variables: createWith(`"tags":{"a":${deep(5_000)}}`) },
      "input",
    ],
    ["a create's tags nested 100 deep", { query: CREATE, variables: createWith(`"tags":{"a":${deep(100)}}`) }, "input"],
    [
      "a create's text nested 5,000 deep",
      { query: CREATE, variables: createWith(`"password":${deep(5_000)}`) },
      "input",
    ],
    [
      "a create's unknown member nested 5,000 deep",
      { query: CREATE, variables: createWith(`"nothing":${deep(5_000)}`) },
      "input",
    ],
    [
      "a list of keys nested 5,000 deep",
      {
        query: "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { id } }",
        variables: `{"keys":${deep(5_000)}}`,
      },
      "keys",
    ],
    [
      "a filter nested 5,000 deep",
      {
        query:
          'subscription ($filter: TaskEventFilter) { projectEvents(projectName: "immtest", filter: $filter) { task { id } } }',
        variables: `{"filter":${'{"tag":'.repeat(5_000)}1${"}".repeat(5_000)}}`,
      },
      "filter",
    ],
  ])("%s", async (_what, operation, argument) => {
    const outcomes = await attacked.gateway.send(operation);
    expectHarmless(outcomes);
    for (const { transport, codes, errors } of outcomes) {
      // These two do not carry subscriptions, and may say that first.
      const isNotCarried = codes[0] === "BAD_REQUEST" && ["post", "get"].includes(transport);
      if (isNotCarried) continue;
      expect({ transport, codes }).toEqual({ transport, codes: ["BAD_USER_INPUT"] });
      if (argument === null) continue;
      expect(JSON.stringify(errors)).toContain(argument);
    }
  });

  it("a literal of tags nested 700 deep", async () => {
    const tags = `{ a: ${"[".repeat(700)}${"]".repeat(700)} }`;
    const input = `{ projectName: "immtest", sourceUri: "oss://a/b", targetType: PDF, targetUri: "oss://a/c", tags: ${tags} }`;
    const outcomes = await attacked.gateway.send({
      query: `mutation { createOfficeConversionTask(input: ${input}) { task { id } } }`,
    });
    expectHarmless(outcomes.filter(({ transport }) => transport !== "get"));
    for (const { codes } of outcomes) {
      expect(["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "BAD_REQUEST"]).toEqual(
        expect.arrayContaining([...codes]),
      );
    }
  });
});

describe("what is around the variables does no harm", () => {
  it.each<[string, HostileOperation]>([
    ["extensions nested 10,000 deep", { query: FOLLOW, extensions: `{"a":${deep(10_000)}}` }],
    ["a named document nested 1,000 deep", { query: FOLLOW, extensions: `{"persistedQuery":${deep(1_000)}}` }],
    [
      "50,000 variables that are not used",
      { query: FOLLOW, variables: `{${Array.from({ length: 20_000 }, (_value, index) => `"v${index}":1`).join()}}` },
    ],
    [
      "a variable of 200 KB",
      { query: "query ($s: ID!) { node(id: $s) { id } }", variables: `{"s":"${"x".repeat(200_000)}"}` },
    ],
    [
      "10,000 ids",
      {
        query: "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        variables: `{"ids":[${Array.from({ length: 10_000 }, () => '"a"').join()}]}`,
      },
    ],
    [
      "10,000 keys to follow",
      {
        query: "subscription ($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys) { task { id } } }",
        variables: `{"keys":[${Array.from({ length: 3_000 }, () => '{"projectName":"a","taskType":"b","taskId":"c"}').join()}]}`,
      },
    ],
    [
      "a cursor of 8 KB",
      {
        query: 'query ($after: String) { tasks(projectName: "immtest", after: $after) { nodes { id } } }',
        variables: `{"after":"${"W10".repeat(2_700)}"}`,
      },
    ],
    [
      "a cursor that is nested",
      {
        query: 'query ($after: String) { tasks(projectName: "immtest", after: $after) { nodes { id } } }',
        variables: `{"after":"${Buffer.from(deep(2_500)).toString("base64url")}"}`,
      },
    ],
    [
      "a global id that is nested",
      {
        query: "query ($id: ID!) { node(id: $id) { id } }",
        variables: `{"id":"${Buffer.from(deep(2_500)).toString("base64url")}"}`,
      },
    ],
    ["a member named as the prototype", { query: CREATE, variables: createWith('"__proto__":{"tags":1}') }],
  ])("%s", async (_what, operation) => {
    expectHarmless(await attacked.gateway.send(operation));
  });

  const wide = `{${Array.from({ length: 20_000 }, (_value, index) => `"k${index}":1`).join()}}`;
  const wrong = `[${Array.from({ length: 60_000 }, () => "{}").join()}]`;
  const long = `"${"x".repeat(250_000)}"`;
  const inputs: readonly (readonly [string, string, string])[] = [
    ["a query", "TaskFilter", 'query ($v: TaskFilter) { tasks(projectName: "immtest", filter: $v) { nodes { id } } }'],
    ["a query", "Int", 'query ($v: Int) { tasks(projectName: "immtest", first: $v) { nodes { id } } }'],
    ["a query", "[TaskKeyInput!]!", "query ($v: [TaskKeyInput!]!) { tasksByKey(keys: $v) { id } }"],
    [
      "a subscription",
      "TaskEventFilter",
      'subscription ($v: TaskEventFilter) { projectEvents(projectName: "immtest", filter: $v) { task { id } } }',
    ],
    [
      "a mutation",
      "CreateOfficeConversionTaskInput!",
      "mutation ($v: CreateOfficeConversionTaskInput!) { createOfficeConversionTask(input: $v) { task { id } } }",
    ],
  ];
  it.each(
    inputs.flatMap(([kind, type, query]) => [
      [kind, type, "20,000 members that are not there", query, wide] as const,
      [kind, type, "60,000 empty objects", query, wrong] as const,
      [kind, type, "250,000 characters", query, long] as const,
    ]),
  )("in %s, for a %s: %s", async (_kind, _type, _what, query, value) => {
    const outcomes = await attacked.gateway.send({ query, variables: `{"v":${value}}` });
    expectHarmless(outcomes);
    // Nor is it repeated, or complained about thousands of times.
    expect(JSON.stringify(outcomes).length).toBeLessThan(100_000);
  });

  it("any value for any variable", async () => {
    const inputs = [
      'query ($v: TaskFilter) { tasks(projectName: "immtest", filter: $v) { nodes { id } } }',
      'query ($v: Int) { tasks(projectName: "immtest", first: $v) { nodes { id } } }',
      "query ($v: [TaskKeyInput!]!) { tasksByKey(keys: $v) { id } }",
      "query ($v: String!) { task(key: { projectName: $v, taskType: $v, taskId: $v }) { id } }",
      "subscription ($v: Int) { taskProgress(" + INNOCENT_KEY + ", maxStalenessMs: $v) { status } }",
      "subscription ($v: [TaskKeyInput!]!) { taskEvents(keys: $v) { task { status } } }",
      "mutation ($v: CreateOfficeConversionTaskInput!) { createOfficeConversionTask(input: $v) { task { id } } }",
      "mutation ($v: CreateMediaConvertTaskInput!) { createMediaConvertTask(input: $v) { task { id } } }",
      "mutation ($v: ID!) { rerunTask(input: { id: $v }) { task { id } } }",
    ];
    await holdsFor(60, [fc.constantFrom(...inputs), jsonTexts], async (query, text) => {
      await attacked.fresh();
      expectHarmless(await attacked.gateway.send({ query, variables: `{"v":${text}}` }));
      await attacked.gateway.check();
    });
  });
});

describe("documents of the schema's grammar", () => {
  it("do no harm, whatever they say", async () => {
    await holdsFor(150, [documents, variableTexts], async (query, variables) => {
      await attacked.fresh();
      // A project of which no task fits has nothing to tell, and that is right.
      const mayBeSilent = query.includes("projectEvents");
      const outcomes = await attacked.gateway.send({ query, variables }, mayBeSilent ? 300 : undefined);
      expectHarmless(mayBeSilent ? outcomes.filter(({ kind }) => kind !== "silent") : outcomes);
      await attacked.gateway.check();
    });
  });
});
