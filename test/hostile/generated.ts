/**
 * Documents, variables and answers of IMM that fast-check draws: of the right grammar, but put together without sense.
 *
 * A document is written from a row of numbers, each of which makes one choice; zero is the simplest, so that what fast-check
 * prints is the document itself, and what it shrinks stays one.
 */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import {
  buildSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedType,
} from "graphql";
import { INNOCENT_TASK } from "./innocents.js";

// The tests run from dist/test/hostile/.
const schema = buildSchema(readFileSync(new URL("../../../schema.graphql", import.meta.url), "utf8"));

/** A row of numbers that makes one choice after the other. */
class Choices {
  readonly #numbers: readonly number[];
  #next = 0;
  /** Every second document is odd in some places; the others are executed. */
  readonly #isOdd: boolean;
  /** The fragments that are used, by their names. */
  readonly fragments = new Map<string, GraphQLNamedType | undefined>();

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
    this.#isOdd = this.rarely(2);
  }

  /** The number of choices so far. */
  get count(): number {
    return this.#next;
  }

  /** A number below `count`; 0 when the row is used up. */
  below(count: number): number {
    const number = this.#numbers[this.#next] ?? 0;
    this.#next += 1;
    return number % count;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** True once in `count` times, and never when the row is used up. */
  rarely(count: number): boolean {
    return this.below(count) === count - 1;
  }

  /** True once in `count` times where the document may be odd. */
  isOdd(count: number): boolean {
    return this.rarely(count) && this.#isOdd;
  }
}

/** The variables that documents declare, or forget to. */
const VARIABLES = {
  b: "Boolean!",
  maybe: "Boolean! = true",
  s: "String!",
  n: "Int",
  ids: "[ID!]!",
  keys: "[TaskKeyInput!]!",
};
const ODD_NAMES = ["__proto__", "constructor", "toString", "nothing", "__schema", "_", "on", "fragment", "null"];
const ODD_VALUES = [
  "null",
  "0",
  "-1",
  "9".repeat(40),
  "1e999",
  '""',
  '"\\u0000"',
  "[]",
  "{}",
  "[[[[null]]]]",
  "UNKNOWN",
  '"""\n  a\n """',
  "$gone",
  "true",
  '"😀\\uD83D\\uDE00"',
];
const ODD_DEFINITIONS = [
  "type Query { a: Int }",
  "extend type Task { a: Int }",
  "query Other { __typename }",
  "fragment Unused on Task { id }",
  "{ __typename }",
  '"""A text""" scalar A',
  "subscription { __typename }",
  "\uFEFF# a comment\n",
  "schema { query: Query }",
];
/** Values that make sense, by the name of the argument. */
const GOOD_VALUES: Readonly<Record<string, readonly string[]>> = {
  projectName: [JSON.stringify(INNOCENT_TASK.projectName), '"nowhere"', "$s"],
  taskType: [JSON.stringify(INNOCENT_TASK.taskType), '"Nonsense"'],
  taskId: [JSON.stringify(INNOCENT_TASK.taskId), '"nobody"', "$s"],
  first: ["1", "$n"],
  timeoutMs: ["1", "1000"],
  maxStalenessMs: ["1000"],
  ids: ["$ids", '["a"]'],
  keys: ["$keys"],
};
/** Values of each scalar. */
const GOOD_SCALARS: Readonly<Record<string, string>> = {
  Int: "1",
  Float: "0.5",
  Boolean: "true",
  DateTime: '"2026-01-01T00:00:00Z"',
  JSON: "{ a: [1] }",
  JSONObject: "{ a: [1] }",
};

function writeDocument(choices: Choices): string {
  const operation = choices.of(["query", "subscription", "mutation"] as const);
  const types = {
    query: schema.getQueryType(),
    subscription: schema.getSubscriptionType(),
    mutation: schema.getMutationType(),
  };
  const selection = writeSelection(types[operation] ?? undefined, choices, 0);
  const fragments: string[] = [];
  for (const [name, type] of choices.fragments) {
    const condition = type?.name ?? choices.of(["Nothing", "TaskKeyInput", "String"]);
    // Where fragments name each other, there may be a circle.
    if (!choices.isOdd(8)) fragments.push(`fragment ${name} on ${condition} ${writeSelection(type, choices, 5)}`);
  }
  const directive = choices.isOdd(12) ? writeDirective(choices) : "";
  const others = choices.isOdd(4) ? [choices.of(ODD_DEFINITIONS)] : [];
  const body = [selection, ...fragments].join("\n");
  const variables = Object.entries(VARIABLES).filter(([name]) => body.includes(`$${name}`) !== choices.isOdd(12));
  const definitions = variables.map(([name, type]) => `$${name}: ${type}`).join(", ");
  const head = `${operation} Generated${definitions === "" ? "" : `(${definitions})`}${directive}`;
  return [...others, `${head} ${body}`].join("\n");
}

function writeSelection(type: GraphQLNamedType | undefined, choices: Choices, depth: number): string {
  const isSubscription = type === schema.getSubscriptionType();
  const count = isSubscription && !choices.isOdd(6) ? 1 : 1 + choices.below(depth === 0 ? 3 : 5);
  return `{ ${Array.from({ length: count }, () => writeItem(type, choices, depth)).join(" ")} }`;
}

function writeItem(type: GraphQLNamedType | undefined, choices: Choices, depth: number): string {
  const mayHaveDirective = type !== schema.getSubscriptionType() || choices.isOdd(3);
  const directive = mayHaveDirective && choices.rarely(5) ? writeDirective(choices) : "";
  // Below a certain depth everything ends, fragments too.
  if (choices.rarely(8) && (depth < 5 || choices.isOdd(2))) {
    const name = choices.isOdd(6) ? "Gone" : `Of${type?.name ?? "Nothing"}`;
    choices.fragments.set(name, type);
    return `...${name}${directive}`;
  }
  if (choices.rarely(8) && depth < 5) {
    const condition = choices.of(["", ` on ${type?.name ?? "Query"}`]);
    const odd = choices.of([" on Task", " on Node", " on String"]);
    return `...${choices.isOdd(5) ? odd : condition}${directive} ${writeSelection(type, choices, depth + 1)}`;
  }
  return writeField(type, choices, depth, directive);
}

function writeField(type: GraphQLNamedType | undefined, choices: Choices, depth: number, directive: string): string {
  // Fields of different arguments may not have one name.
  const alias = choices.isOdd(5) ? `${choices.of(["a", ...ODD_NAMES.slice(0, 3)])}: ` : `a${choices.count}: `;
  const fields = isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
  if (fields.length === 0 || choices.isOdd(20)) {
    return `${alias}${choices.isOdd(3) ? choices.of(ODD_NAMES) : "__typename"}${directive}`;
  }
  const field = choices.of(
    depth < 6 ? fields : fields.filter(({ type }) => isLeafType(getNamedType(type))).concat(fields),
  );
  const values = field.args.filter((argument) => isNonNullType(argument.type) || choices.rarely(6));
  const written = values.map((argument) => `${argument.name}: ${writeValue(argument, choices, 0)}`);
  const result = getNamedType(field.type);
  const hasBelow = !isLeafType(result) !== choices.isOdd(40);
  const below = hasBelow ? ` ${writeSelection(result, choices, depth + 1)}` : "";
  return `${alias}${field.name}${written.length === 0 ? "" : `(${written.join(", ")})`}${directive}${below}`;
}

function writeDirective(choices: Choices): string {
  const name = choices.isOdd(4) ? choices.of(["deprecated", "cost", "__proto__"]) : choices.of(["include", "skip"]);
  const value = choices.isOdd(3)
    ? choices.of(["$gone", "null", '"a"', "$s"])
    : choices.of(["$b", "true", "$maybe", "false"]);
  return ` @${name}(if: ${value})`;
}

function writeValue({ name, type }: GraphQLArgument | GraphQLInputField, choices: Choices, depth: number): string {
  if (choices.isOdd(6)) return choices.of(ODD_VALUES);
  const good = depth === 0 ? GOOD_VALUES[name] : undefined;
  return good === undefined ? writeOfType(type, choices, depth) : choices.of(good);
}

function writeOfType(type: GraphQLInputType, choices: Choices, depth: number): string {
  if (isNonNullType(type)) return writeOfType(type.ofType, choices, depth);
  if (isListType(type)) return `[${writeOfType(type.ofType, choices, depth + 1)}]`;
  if (isEnumType(type)) return choices.of(type.getValues()).name;
  if (!isInputObjectType(type)) return GOOD_SCALARS[type.name] ?? choices.of(['"immtest"', '"oss://a/b"', '"a"']);
  const fields = Object.values(type.getFields());
  const chosen = fields.filter((field) => isNonNullType(field.type) || (depth < 4 && choices.rarely(4)));
  return `{ ${chosen.map((field) => `${field.name}: ${writeValue(field, choices, depth + 1)}`).join(", ")} }`;
}

/** Documents that mostly make sense of each part and none of the whole. */
export const documents = fc
  .array(fc.nat(0xffff), { minLength: 100, maxLength: 600, size: "max" })
  .map((numbers) => writeDocument(new Choices(numbers)));

/** Text in which any UTF-16 unit may stand. */
const oddTexts = fc.string({ unit: "binary", maxLength: 30 });

/** JSON that no serializer would write. */
const oddJson = fc.constantFrom(
  "1e400",
  "-0",
  "1e-400",
  "9007199254740993",
  "123456789012345678901234567890",
  "2147483648",
  "1.5",
  '"\\ud800"',
  '"\\udfff\\u0000"',
  '{"__proto__":{"projectName":"a"}}',
  '{"constructor":{"prototype":{}},"toString":null,"hasOwnProperty":1}',
  '{"a":1,"a":2,"":3}',
  "[null,[null,[]]]",
  '{"length":4294967295}',
  '{"toJSON":1,"then":2,"valueOf":{}}',
  `"${"x".repeat(20_000)}"`,
  `[${Array.from({ length: 5_000 }, () => "{}").join()}]`,
  `{${Array.from({ length: 5_000 }, (_value, index) => `"k${index}":${index}`).join()}}`,
  `${"[".repeat(64)}${"]".repeat(64)}`,
  `${'{"a":'.repeat(200)}1${"}".repeat(200)}`,
);

/** JSON text of any value. */
export const jsonTexts = fc.oneof(
  fc.json({ maxDepth: 5, stringUnit: "binary" }),
  oddJson,
  oddTexts.map((text) => JSON.stringify(text)),
  fc.double().map((number) => JSON.stringify(number)),
);

/** Values for the variables of `documents`: mostly of their types. */
export const variableTexts = fc
  .record(
    {
      b: fc.oneof({ weight: 8, arbitrary: fc.constantFrom("true", "false") }, jsonTexts),
      maybe: fc.oneof({ weight: 8, arbitrary: fc.constantFrom("true", "false", "null") }, jsonTexts),
      s: fc.oneof({ weight: 6, arbitrary: fc.constantFrom('"immtest"', '"innocent"', '"a"') }, jsonTexts),
      n: fc.oneof({ weight: 6, arbitrary: fc.constantFrom("1", "5", "null") }, jsonTexts),
      ids: fc.oneof({ weight: 6, arbitrary: fc.constantFrom('["a"]', "[]") }, jsonTexts),
      keys: fc.oneof({ weight: 6, arbitrary: fc.constant(`[${JSON.stringify(INNOCENT_TASK)}]`) }, jsonTexts),
    },
    { requiredKeys: [] },
  )
  .map(
    (members) =>
      `{${Object.entries(members)
        .map(([name, text]) => `"${name}":${text}`)
        .join()}}`,
  );

/** This JSON text, and rarely any other. */
const valueOr = (good: string): fc.Arbitrary<string> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(good) }, jsonTexts);
/** JSON text of an object with some of these members. */
const recordOf = (members: Readonly<Record<string, string>>): fc.Arbitrary<string> =>
  fc
    .record(Object.fromEntries(Object.entries(members).map(([name, good]) => [name, valueOr(good)])), {
      requiredKeys: [],
    })
    .map(
      (record) =>
        `{${Object.entries(record)
          .map(([name, text]) => `"${name}":${text}`)
          .join()}}`,
    );
/** What IMM might answer for one task. */
export const taskAnswers = recordOf({
  TaskId: '"one"',
  TaskType: '"OfficeConversion"',
  Status: '"Running"',
  Progress: "5",
  StartTime: '"2026-11-26T00:00:00.123456789Z"',
  EndTime: '"2026-11-26T00:00:01Z"',
  Code: '"InternalError"',
  Message: '"a"',
  UserData: '"{}"',
  Tags: '{"a":1}',
  TaskRequestDefinition: '"{}"',
  EventId: '"e"',
  RequestId: '"r"',
});
/** What IMM might answer for a project's tasks. */
export const listAnswers = fc
  .record({
    Tasks: fc.oneof(
      fc
        .array(fc.oneof({ weight: 4, arbitrary: taskAnswers }, jsonTexts), { maxLength: 4 })
        .map((tasks) => `[${tasks.join()}]`),
      jsonTexts,
    ),
    NextToken: valueOr('""'),
  })
  .map(({ Tasks, NextToken }) => `{"Tasks":${Tasks},"NextToken":${NextToken}}`);
