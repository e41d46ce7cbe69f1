/**
 * Requests that cost a gateway as much CPU as their makers could think of, each within the default bounds of a request.
 *
 * `worst-request.ts` sends them. Names say what they aim at: comparisons of validation, suggestions, places of errors,
 * coercion, the count of the price, execution, errors at fields, or the text of the answer.
 */

/** What is posted. */
export interface Candidate {
  readonly name: string;
  readonly query: string;
  /** As an object, or as JSON where that is nested deeper than can be written here. */
  readonly variables?: Readonly<Record<string, unknown>> | string;
}

const KEY = '{ projectName: "immtest", taskType: "FileCompression", taskId: "r" }';

function repeat(count: number, toText: (index: number) => string): string {
  return Array.from({ length: count }, (_value, index) => toText(index)).join(" ");
}

function keys(prefix: string, count = 100): readonly Readonly<Record<string, string>>[] {
  return Array.from({ length: count }, (_value, index) => ({
    projectName: "immtest",
    taskType: "FileCompression",
    taskId: `${prefix}${index}`,
  }));
}

function lists(count: number, toSelections: (index: number) => string): string {
  return `query ($keys: [TaskKeyInput!]!) { ${repeat(count, (index) => `l${index}: tasksByKey(keys: $keys) { ${toSelections(index)} }`)} }`;
}

/** Documents that are bad or long; most are refused. */
const documents: readonly Candidate[] = [
  { name: "equal root fields", query: `{ ${repeat(180, () => `task(key: ${KEY}) { id }`)} }` },
  { name: "equal root fields of two", query: `{ ${repeat(740, () => "taskTypes { name }")} }` },
  { name: "equal node fields", query: `{ ${repeat(300, () => 'node(id: "a") { id }')} }` },
  { name: "__typename, 2,990 times", query: `{ ${repeat(2_990, () => "__typename")} }` },
  {
    name: "names that conflict",
    query: `{ ${repeat(990, (index) => (index % 2 ? "a: __typename" : "a: taskTypes"))} }`,
  },
  {
    name: "equal fields in a tree",
    query: `{ ${repeat(8, () => `__schema { ${repeat(8, () => `types { ${repeat(8, () => "fields { name }")} }`)} }`)} }`,
  },
  {
    name: "equal introspection fields",
    query: `{ __schema { types { ...T } } } fragment T on __Type { ${repeat(320, () => "fields { type { name } }")} }`,
  },
  {
    name: "just below the comparisons",
    query: `{ ${repeat(170, () => "taskTypes { name }")} ${repeat(500, (index) => `a${index}: __typename`)} }`,
  },
  {
    name: "fragments of one name each",
    query: `{ ${repeat(245, (index) => `...f${index}`)} } ${repeat(245, (index) => `fragment f${index} on Query { a${index}: __typename }`)}`,
  },
  {
    name: "fragments of equal fields",
    query: `{ ${repeat(200, (index) => `...f${index}`)} } ${repeat(200, (index) => `fragment f${index} on Query { taskTypes { name } }`)}`,
  },
  {
    name: "fragments in fragments",
    query: `{ ...f0 } ${repeat(370, (index) => `fragment f${index} on Query { ...f${index + 1} }`)} fragment f370 on Query { __typename }`,
  },
  {
    name: "fragments that double",
    query: `{ ...f0 } ${repeat(28, (index) => `fragment f${index} on Query { ${repeat(29 - index, (step) => `...f${index + 1 + step}`)} }`)} fragment f28 on Query { __typename } fragment f29 on Query { __typename }`,
  },
  {
    name: "fragments in a ring",
    query: `{ ${repeat(30, (index) => `...f${index}`)} } ${repeat(30, (index) => `fragment f${index} on Query { ${repeat(38, (step) => `...f${(index + step) % 30}`)} }`)}`,
  },
  {
    name: "operations of one chain",
    query: `${repeat(200, (index) => `query q${index} { ...f0 }`)} ${repeat(200, (index) => `fragment f${index} on Query { ...f${index + 1} }`)} fragment f200 on Query { __typename }`,
  },
  {
    name: "variables of one chain",
    query: `${repeat(120, (index) => `query q${index}($v: ID!) { ...f0 }`)} ${repeat(150, (index) => `fragment f${index} on Query { ...f${index + 1} }`)} fragment f150 on Query { node(id: $v) { id } }`,
  },
  { name: "inline fragments", query: `{ ${repeat(590, () => "... { __typename }")} }` },
  {
    name: "unknown fields",
    query: `mutation { ${repeat(2_900, (index) => `createXxxxxxxxxxxxxxxxxxxxxxxx${index}`)} }`,
  },
  {
    name: "unknown types",
    query: `query (${repeat(740, (index) => `$v${index}: CreateFileCompressionTaskInpu${index}`)}) { __typename }`,
  },
  { name: "unknown arguments", query: `{ task(${repeat(990, (index) => `ke${index}: 1`)}) { id } }` },
  {
    name: "unknown members",
    query: `mutation { createMediaConvertTask(input: { ${repeat(950, (index) => `targetss${index}: 1`)} }) { isNew } }`,
  },
  { name: "unknown names of 25 KB", query: `mutation { ${repeat(10, (index) => `a${"b".repeat(25_000)}${index}`)} }` },
  {
    name: "errors behind 110,000 lines",
    query: `{ ${"\n".repeat(110_000)} ${repeat(2_900, (index) => `x${index}`)} }`,
  },
  { name: "errors behind 4,900 lines", query: `{ ${"\n".repeat(4_900)} ${repeat(2_900, (index) => `x${index}`)} }` },
  { name: "a text of 260 KB", query: `{ node(id: "${"a".repeat(260_000)}") { id } }` },
  { name: "escapes", query: `{ node(id: "${String.raw`\n`.repeat(85_000)}") { id } }` },
  { name: "a block text", query: `{ node(id: """${"a\n".repeat(85_000)}""") { id } }` },
  { name: "comments", query: `{ ${"#\n".repeat(85_000)} __typename }` },
  { name: "braces in braces", query: `${"{ taskTypes ".repeat(1_400)} ${"}".repeat(1_400)}` },
  { name: "lists in lists", query: `{ node(id: ${"[".repeat(1_400)}${"]".repeat(1_400)}) { id } }` },
  { name: "variables that are not used", query: `query (${repeat(740, (index) => `$v${index}: Int`)}) { __typename }` },
  { name: "mutations", query: `mutation { ${repeat(290, () => 'rerunTask(input: { id: "x" }) { isNew }')} }` },
];

/** Values that are checked, coerced or counted. */
const values: readonly Candidate[] = [
  { name: "2,600 keys", query: lists(1, () => "id"), variables: { keys: keys("", 2_600) } },
  { name: "25,000 wrong keys", query: lists(1, () => "id"), variables: { keys: Array(25_000).fill(1) } },
  {
    name: "empty lists in a list",
    query: lists(1, () => "id"),
    variables: { keys: Array.from({ length: 80_000 }, () => []) },
  },
  {
    name: "25,000 wrong ids",
    query: "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
    variables: { ids: Array(25_000).fill(true) },
  },
  {
    name: "25,000 ids",
    query: "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
    variables: { ids: Array(25_000).fill("a") },
  },
  {
    name: "an id of 250 KB",
    query: "query ($id: ID!) { node(id: $id) { id } }",
    variables: { id: "a".repeat(250_000) },
  },
  {
    name: "a cursor of 250 KB",
    query: 'query ($after: String) { tasks(projectName: "immtest", after: $after) { nodes { id } } }',
    variables: { after: "W1td".repeat(60_000) },
  },
  {
    name: "an instant of 250 KB",
    query:
      'query ($at: DateTime) { tasks(projectName: "immtest", filter: { startTime: { from: $at } }) { nodes { id } } }',
    variables: { at: "2026-01-31T08:00:00.".padEnd(250_000, "1") },
  },
  {
    name: "20,000 unknown variables",
    query: "{ __typename }",
    variables: Object.fromEntries(Array.from({ length: 20_000 }, (_value, index) => [`v${index}`, 1])),
  },
  {
    name: "a variable 120,000 deep",
    query: "{ __typename }",
    variables: `{"v":${"[".repeat(120_000)}${"]".repeat(120_000)}}`,
  },
  {
    name: "15,000 tags",
    query: "mutation ($input: CreateImageModerationTaskInput!) { createImageModerationTask(input: $input) { isNew } }",
    variables: {
      input: {
        projectName: "immtest",
        sourceUri: "oss://b/a",
        tags: Object.fromEntries(Array.from({ length: 15_000 }, (_value, index) => [`t${index}`, "v"])),
      },
    },
  },
  {
    name: "20,000 unknown members",
    query: "mutation ($input: CreateImageModerationTaskInput!) { createImageModerationTask(input: $input) { isNew } }",
    variables: { input: Object.fromEntries(Array.from({ length: 20_000 }, (_value, index) => [`t${index}`, "v"])) },
  },
  {
    name: "12,000 sources",
    query: "mutation ($input: CreateFileCompressionTaskInput!) { createFileCompressionTask(input: $input) { isNew } }",
    variables: {
      input: {
        projectName: "immtest",
        targetUri: "oss://b/a.zip",
        sources: Array.from({ length: 12_000 }, () => ({ uri: "oss://b/a" })),
      },
    },
  },
];

/** Answers that are long, or all errors. */
const answers: readonly Candidate[] = [
  {
    name: "20,000 ids of tasks",
    query: lists(1, () => repeat(178, (index) => `a${index}: id`)),
    variables: { keys: keys("done-") },
  },
  {
    name: "20,000 estimates",
    query: lists(1, () => repeat(178, (index) => `a${index}: estimatedEndAt`)),
    variables: { keys: keys("run-") },
  },
  // Two hundred calls are the most of one operation.
  {
    name: "tasks twice",
    query: lists(2, () => repeat(90, (index) => `a${index}: id`)),
    variables: { keys: keys("done-") },
  },
  { name: "errors twice", query: lists(2, () => "id"), variables: { keys: keys("missing-") } },
  { name: "refused names of tasks", query: lists(2, () => "id"), variables: { keys: keys("\u0000") } },
  {
    name: "progress under many names",
    query: lists(1, () => repeat(18, (index) => `a${index}: progress`)),
    variables: { keys: keys("run-") },
  },
  {
    name: "results under many names",
    query: `{ tasks(projectName: "immtest", first: 190) { nodes { ${repeat(8, (index) => `a${index}: result { __typename }`)} } } }`,
  },
  {
    name: "event ids under many names",
    query: `{ tasks(projectName: "immtest", first: 190) { nodes { ${repeat(9, (index) => `a${index}: eventId`)} } } }`,
  },
  {
    name: "1,000 tasks of 18 fields",
    query: `{ tasks(projectName: "immtest", first: 1000) { edges { cursor node { ${repeat(16, (index) => `a${index}: id`)} } } } }`,
  },
  {
    name: "the schema, again and again",
    query: `{ ${repeat(100, (index) => `a${index}: __schema { types { fields { name type { name } } } }`)} }`,
  },
  {
    name: "names of fields of the schema",
    query: `{ __schema { types { ${repeat(60, (index) => `a${index}: fields { ${repeat(10, (field) => `b${field}: name`)} }`)} } } }`,
  },
  {
    name: "definitions below the bound",
    query: lists(1, () => repeat(6, (index) => `a${index}: requestDefinitionText`)),
    variables: { keys: keys("large-") },
  },
  {
    name: "definitions above the bound",
    query: lists(1, () => repeat(178, (index) => `a${index}: requestDefinitionText`)),
    variables: { keys: keys("large-") },
  },
  {
    name: "definitions as JSON",
    query: lists(1, () => repeat(178, (index) => `a${index}: requestDefinition`)),
    variables: { keys: keys("large-") },
  },
  {
    name: "tags below the bound of values",
    query: lists(1, () => "a: tags b: tags"),
    variables: { keys: keys("tagged-") },
  },
  {
    name: "tags above the bound of values",
    query: lists(1, () => repeat(170, (index) => `a${index}: tags`)),
    variables: { keys: keys("tagged-") },
  },
  {
    name: "long names of fields",
    query: lists(1, () => repeat(20, (index) => `${"a".repeat(12_000)}${index}: isDone`)),
    variables: { keys: keys("done-") },
  },
];

export const candidates: readonly Candidate[] = [...documents, ...values, ...answers];
