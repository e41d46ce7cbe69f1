/** The bounds of a document, with graphql-armor's rules as the oracle: what they refuse at the same numbers is refused here. */

import { MaxTokensParserWLexer } from "@escape.tech/graphql-armor-max-tokens";
import { maxAliasesRule } from "@escape.tech/graphql-armor-max-aliases";
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import { maxDirectivesRule } from "@escape.tech/graphql-armor-max-directives";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { GraphQLError, parse, validate, type ValidationRule } from "graphql";
import { createSchema } from "../../../../src/schema/build-schema.js";
import { findExcess, type DocumentBounds } from "../../../../src/server/operation/documents/document-bounds.js";
import { measureDocument } from "../../../../src/server/operation/documents/document-measure.js";
import { Documents } from "../../../../src/server/operation/documents/documents.js";
import { transports } from "../../../support/every-transport.js";
import { NO_BOUNDS } from "../../../support/no-limits.js";
import { startGateway } from "../../../support/start-gateway.js";

const schema = createSchema();

/** Whether a rule of graphql-armor refuses a document: it throws. */
function refuses(text: string, rule: ValidationRule): boolean {
  try {
    validate(schema, parse(text), [rule]);
    return false;
  } catch (thrown) {
    if (thrown instanceof GraphQLError && thrown.message.includes("limit of")) return true;
    throw thrown;
  }
}

function refusesTokens(text: string, n: number): boolean {
  try {
    new MaxTokensParserWLexer(text, { n }).parseDocument();
    return false;
  } catch {
    return true;
  }
}

function exceeds(text: string, bounds: Partial<DocumentBounds>): boolean {
  return findExcess(parse(text), { ...NO_BOUNDS, ...bounds }) !== null;
}

const names = fc.constantFrom("a", "b", "c", "__typename", "__schema");
const directives = fc
  .array(fc.constantFrom("@include(if: true)", "@skip(if: false)", "@odd"), { maxLength: 3 })
  .map((list) => list.join(" "));

/** Selections that may spread the fragments of these names. */
function selections(fragments: readonly string[]): fc.Arbitrary<string> {
  const { tree } = fc.letrec<{ tree: string; selection: string }>((tie) => ({
    tree: fc.array(tie("selection"), { minLength: 1, maxLength: 3 }).map((list) => `{ ${list.join(" ")} }`),
    selection: fc.oneof(
      { maxDepth: 6, depthSize: "small" },
      fc.tuple(fc.option(names), names, directives).map(([alias, name, all]) => `${toAlias(alias)}${name} ${all}`),
      fc
        .tuple(fc.option(names), names, directives, tie("tree"))
        .map(([alias, name, all, below]) => `${toAlias(alias)}${name} ${all} ${below}`),
      fc.tuple(directives, tie("tree")).map(([all, below]) => `... on T ${all} ${below}`),
      ...(fragments.length === 0
        ? []
        : [fc.tuple(fc.constantFrom(...fragments), directives).map(([name, all]) => `...${name} ${all}`)]),
    ),
  }));
  return tree;
}

function toAlias(alias: string | null): string {
  return alias === null ? "" : `${alias}: `;
}

/** Documents of one or two operations, and fragments that spread those after them, so that there are no circles. */
const documents = fc.integer({ min: 0, max: 4 }).chain((count) => {
  const all = Array.from({ length: count }, (_value, index) => `F${index}`);
  const fragments = all.map((name, index) =>
    fc
      .tuple(directives, selections(all.slice(index + 1)))
      .map(([own, below]) => `fragment ${name} on T ${own} ${below}`),
  );
  const operation = fc.tuple(directives, selections(all)).map(([own, below]) => `query N ${own} ${below}`);
  return fc
    .tuple(fc.array(operation, { minLength: 1, maxLength: 2 }), ...fragments)
    .map(([operations, ...rest]) => [...operations, ...rest].join("\n"));
});

describe("what graphql-armor refuses is refused at the same number", () => {
  const numbers = fc.integer({ min: 1, max: 12 });

  it.each<[string, (n: number) => ValidationRule, (n: number) => Partial<DocumentBounds>]>([
    ["depth", (n) => maxDepthRule({ n }), (n) => ({ maxQueryDepth: n })],
    ["depth, fragments written out", (n) => maxDepthRule({ n, flattenFragments: true }), (n) => ({ maxQueryDepth: n })],
    ["aliases", (n) => maxAliasesRule({ n }), (n) => ({ maxQueryAliases: n })],
    ["directives", (n) => maxDirectivesRule({ n }), (n) => ({ maxQueryDirectives: n })],
  ])("%s", (_what, rule, bounds) => {
    let refused = 0;
    fc.assert(
      fc.property(documents, numbers, (text, n) => {
        const isRefused = refuses(text, rule(n));
        refused += Number(isRefused);
        expect(isRefused && !exceeds(text, bounds(n))).toBe(false);
      }),
      { numRuns: 500 },
    );
    // Else nothing was compared.
    expect(refused).toBeGreaterThan(50);
  });

  it("tokens", () => {
    let refused = 0;
    fc.assert(
      fc.property(documents, fc.integer({ min: 10, max: 100 }), (text, maxQueryTokens) => {
        if (!refusesTokens(text, maxQueryTokens)) return;
        refused += 1;
        const checked = new Documents({
          schema,
          hasIntrospection: false,
          ...NO_BOUNDS,
          maxQueryTokens,
          maxDocumentCacheBytes: 10_000,
        }).check(text);
        expect(checked.document).toBeUndefined();
      }),
      { numRuns: 200 },
    );
    expect(refused).toBeGreaterThan(50);
  });

  it("and is taken at the same number where that takes it: depth and aliases", () => {
    const judged: unknown[] = [];
    const expected: unknown[] = [];
    fc.assert(
      fc.property(documents, numbers, (text, n) => {
        judged.push([exceeds(text, { maxQueryDepth: n }), exceeds(text, { maxQueryAliases: n })]);
        expected.push([refuses(text, maxDepthRule({ n })), refuses(text, maxAliasesRule({ n }))]);
      }),
      { numRuns: 500 },
    );
    expect(judged).toEqual(expected);
  });
});

describe("a document is measured", () => {
  it.each([
    ["{ a }", { depth: 1, aliases: 0, directives: 0 }],
    ["{ a { b { c } } d }", { depth: 3, aliases: 0, directives: 0 }],
    ["{ ... on T { a } }", { depth: 2, aliases: 0, directives: 0 }],
    ["{ ...F } fragment F on T { a }", { depth: 3, aliases: 0, directives: 0 }],
    ["{ __schema { types { fields { name } } } a }", { depth: 1, aliases: 0, directives: 0 }],
    ["{ x: a y: b __typename t: __typename __typename: a }", { depth: 1, aliases: 2, directives: 0 }],
    ["query @q { ...F @s ...F } fragment F on T @f { x: a @d }", { depth: 3, aliases: 2, directives: 6 }],
    ["query A { x: a } query B { a { b } }", { depth: 2, aliases: 1, directives: 0 }],
    ["{ ...F } fragment F on T { ...G x: a } fragment G on T { ...F }", { depth: 6, aliases: 1, directives: 0 }],
    ["{ ...None }", { depth: 2, aliases: 0, directives: 0 }],
  ])("%s", (text, measure) => {
    expect(measureDocument(parse(text))).toEqual(measure);
  });

  it("in linear time, where fragments written out would have no end", () => {
    const fragment = (index: number): string => `fragment F${index} on T { ...F${index + 1} ...F${index + 1} }`;
    const chain = Array.from({ length: 400 }, (_value, index) => fragment(index)).join("\n");
    const { aliases } = measureDocument(parse(`{ ...F0 } ${chain} fragment F400 on T { x: a }`));
    expect(aliases).toBe(2 ** 400);
  });

  it("against nothing where no bound is set", () => {
    expect(findExcess(parse("{ x: a @d { b } }"), NO_BOUNDS)).toBeNull();
  });
});

describe("a document over a bound", () => {
  const bounds = { maxQueryDepth: 2, maxQueryAliases: 2, maxQueryDirectives: 2 };
  const cases = [
    ["{ taskTypes { name } }", "{ a: taskTypes { input { members { name } } } }", "levels"],
    ["{ a: taskTypes { name } b: taskTypes { name } }", "{ a: taskTypes { x: name y: name } }", "aliases"],
    [
      "{ taskTypes { name @skip(if: false) } }",
      `{ ${"taskTypes @skip(if: false) { name } ".repeat(3)} }`,
      "directives",
    ],
  ] as const;

  it.each(Object.keys(transports).flatMap((letter) => cases.map((each) => [letter, ...each] as const)))(
    "is refused over transport %s, and one within it answered: %s",
    async (letter, within, beyond, word) => {
      const { url } = await startGateway({ gateway: bounds });
      const send = transports[letter as keyof typeof transports];
      expect(await send(url, JSON.stringify({ query: within }))).toMatchObject({ errors: [], data: expect.anything() });
      expect(await send(url, JSON.stringify({ query: beyond }))).toMatchObject({
        data: undefined,
        errors: [{ message: expect.stringContaining(word), extensions: { code: "GRAPHQL_VALIDATION_FAILED" } }],
      });
    },
  );
});
