/** JSON of clients is nested at most 64 deep, however it is sent, and nothing breaks on what is deeper. */

import { describe, expect, it } from "@jest/globals";
import { query, refusalsOf, USER_ERRORS, type QueryAnswer } from "../../support/query.js";
import { startGateway, type RunningGateway } from "../../support/start-gateway.js";

/** JSON text of an object that is nested so deep. */
function nested(levels: number): string {
  return `${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`;
}

/** The same as a literal of a document. */
function literal(levels: number): string {
  return `${"{a:".repeat(levels - 1)}{}${"}".repeat(levels - 1)}`;
}

const CREATES: readonly (readonly [field: string, member: string, others: Readonly<Record<string, string>>])[] = [
  ["createFigureClusteringTask", "tags", { datasetName: `"d"` }],
  [
    "createStoryCreationTask",
    "customLabels",
    { datasetName: `"d"`, objectId: `"o"`, type: "PEOPLE_MEMORY", maxFileCount: "9" },
  ],
  [
    "createStoryCreationTask",
    "tags",
    { datasetName: `"d"`, objectId: `"o"`, type: "PEOPLE_MEMORY", maxFileCount: "9" },
  ],
];

async function start(): Promise<RunningGateway> {
  // Neither bound is what is tried here.
  return startGateway({ gateway: { maxQueryTokens: 1_000_000, maxRequestBytes: 1_000_000 } });
}

function documentOf([field, member, others]: (typeof CREATES)[number], value: string, head = ""): string {
  const members = { projectName: `"immtest"`, idempotencyKey: `"k"`, ...others, [member]: value };
  const input = Object.entries(members).map(([name, text]) => `${name}: ${text}`);
  return `mutation ${head} { ${field}(input: { ${input.join(", ")} }) { isNew ${USER_ERRORS} } }`;
}

/** Posts a document whose variable `$value` is this JSON text: nothing that writes JSON gets so deep. */
async function queryWith(url: string, document: string, value: string): Promise<QueryAnswer<object>> {
  const body = `{"query":${JSON.stringify(document)},"variables":{"value":${value}}}`;
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/graphql`, { method: "POST", headers, body });
  const text = await response.text();
  return { status: response.status, errors: [], text, data: undefined, ...(JSON.parse(text) as object) };
}

function expectRefusal(answer: QueryAnswer<object>, member: string): void {
  expect(refusalsOf(answer)).toMatchObject([
    {
      message: `Expected \`input.${member}\` to be nested at most 64 deep.`,
      code: "INVALID_INPUT",
      argument: `input.${member}`,
    },
  ]);
}

describe.each(CREATES)("%s with %s", (...create) => {
  const [, member] = create;

  it.each([65, 5_000, 60_000])("nested %i deep in a variable is refused before any call", async (levels) => {
    const { url, emulator } = await start();
    const document = documentOf(create, "$value", "($value: JSONObject)");
    // By the variable's name where it is the whole of the member, else by the member's.
    expect((await queryWith(url, document, nested(levels))).errors).toMatchObject([
      { extensions: { code: "BAD_USER_INPUT", argument: "value" } },
    ]);
    const [field] = create;
    const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
    const whole = `mutation ($value: ${type}!) { ${field}(input: $value) { isNew } }`;
    expect((await queryWith(url, whole, `{"${member}":${nested(levels)}}`)).errors).toMatchObject([
      { extensions: { code: "BAD_USER_INPUT", argument: `value.${member}` } },
    ]);
    expect(emulator.calls).toEqual([]);
  });

  it.each([65, 200, 900])("nested %i deep in the document is refused before any call", async (levels) => {
    const { url, emulator } = await start();
    expectRefusal(await query(url, documentOf(create, literal(levels))), member);
    expectRefusal(await query(url, documentOf(create, `{ b: [[${literal(levels - 2)}]] }`)), member);
    expect(emulator.calls).toEqual([]);
  });

  it("nested too deep where a variable stands in a literal is refused before any call", async () => {
    const { url, emulator } = await start();
    const document = documentOf(create, "{ b: $value }", "($value: JSONObject)");
    expectRefusal(await queryWith(url, document, nested(64)), member);
    expect(emulator.calls).toEqual([]);
  });

  it("nested 64 deep arrives as it was sent", async () => {
    const { url, emulator } = await start();
    expect(refusalsOf(await query(url, documentOf(create, literal(64))))).toEqual([]);
    const sent = emulator.calls.find(({ action }) => action.startsWith("Create"));
    const text = sent?.parameters[`${member.charAt(0).toUpperCase()}${member.slice(1)}`];
    expect(JSON.parse(String(text))).toMatchObject(JSON.parse(nested(64)) as object);
  });
});

it("tags that are no object are refused without a word of them, however deep", async () => {
  const { url, emulator } = await start();
  const [create] = CREATES;
  if (create === undefined) throw new Error("Expected a create.");
  const byVariable = await queryWith(
    url,
    documentOf(create, "$value", "($value: JSONObject)"),
    "[".repeat(50_000) + "]".repeat(50_000),
  );
  const byLiteral = await query(url, documentOf(create, "[[[[hunter2]]]]"));
  expect(byVariable.errors).toMatchObject([{ message: "Expected `value` to be nested at most 64 deep." }]);
  expect(byLiteral.errors).toMatchObject([{ message: "Expected a JSON object." }]);
  expect(emulator.calls).toEqual([]);
});

it("an input that repeats a variable until it is a thousand times as long is refused before any call", async () => {
  const { url, emulator } = await startGateway();
  const value = JSON.stringify({ list: Array.from({ length: 50_000 }, () => []) });
  for (const tags of [`{ ${names(700)} }`, `{ a: [${"$value ".repeat(700)}] }`]) {
    const input = `{ projectName: "immtest", datasetName: "d", tags: ${tags} }`;
    const document = `mutation ($value: JSONObject) { createFigureClusteringTask(input: ${input}) { isNew ${USER_ERRORS} } }`;
    expect(refusalsOf(await queryWith(url, document, value))).toMatchObject([
      { code: "INVALID_INPUT", argument: "input" },
    ]);
  }
  const input = `{ projectName: "immtest", datasetName: "d", to: "t", froms: [${"$text ".repeat(700)}] }`;
  const document = `mutation ($text: String!) { createFigureClustersMergingTask(input: ${input}) { isNew ${USER_ERRORS} } }`;
  const answer = await query(url, document, { text: "x".repeat(200_000) });
  expect(refusalsOf(answer)).toMatchObject([{ code: "INVALID_INPUT", argument: "input" }]);
  expect(emulator.calls).toEqual([]);
});

/** So many members of a literal that hold the variable. */
function names(count: number): string {
  return Array.from({ length: count }, (_, index) => `a${index}: $value`).join(" ");
}
