import { describe, expect, it } from "@jest/globals";
import { attackGateway } from "./attacked-gateway.js";
import { INNOCENT_KEY } from "./innocents.js";
import type { HostileOperation } from "./transports.js";

const attacked = attackGateway();

const FOLLOW = `taskProgress(${INNOCENT_KEY})`;
const TASK = `task(${INNOCENT_KEY})`;

/** Nested `depth` times: what begins, and what ends each level. */
function nest(depth: number, begin: string, inside: string, end: string): string {
  return begin.repeat(depth) + inside + end.repeat(depth);
}

function repeat(count: number, item: (index: number) => string, separator = " "): string {
  return Array.from({ length: count }, (_item, index) => item(index)).join(separator);
}

describe("a document is refused by itself, over every transport", () => {
  const B = { variables: '{"b":true}' };
  it.each<[string, string, HostileOperation]>([
    [
      "a condition on a subscription's field",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `subscription ($b: Boolean!) { ${FOLLOW} @include(if: $b) { status } }`, ...B },
    ],
    [
      "the other condition",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `subscription ($b: Boolean!) { ${FOLLOW} @skip(if: $b) { status } }`, ...B },
    ],
    [
      "a condition without its variable",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `subscription ($b: Boolean!) { ${FOLLOW} @include(if: $b) { status } }` },
    ],
    [
      "a condition on a subscription's inline fragment",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `subscription ($b: Boolean!) { ... @include(if: $b) { ${FOLLOW} { status } } }`, ...B },
    ],
    [
      "a condition on a subscription's fragment",
      "GRAPHQL_VALIDATION_FAILED",
      {
        query: `subscription ($b: Boolean!) { ...F @skip(if: $b) } fragment F on Subscription { ${FOLLOW} { status } }`,
        ...B,
      },
    ],
    [
      "a condition within a subscription's fragment",
      "GRAPHQL_VALIDATION_FAILED",
      {
        query: `subscription ($b: Boolean!) { ...F } fragment F on Subscription { ${FOLLOW} @include(if: $b) { status } }`,
        ...B,
      },
    ],
    [
      "a condition with a default",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `subscription ($b: Boolean = true) { ${FOLLOW} @include(if: $b) { status } }` },
    ],
    [
      "a subscription of two fields",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `subscription { a: ${FOLLOW} { status } b: ${FOLLOW} { status } }` },
    ],
    ["a subscription of its type's name", "GRAPHQL_VALIDATION_FAILED", { query: "subscription { __typename }" }],
    [
      "a subscription of nothing but a cycle",
      "GRAPHQL_VALIDATION_FAILED",
      { query: "subscription { ...F } fragment F on Subscription { ...F }" },
    ],
    [
      "a circle of fragments",
      "GRAPHQL_VALIDATION_FAILED",
      { query: "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }" },
    ],
    [
      "a circle through fields",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `{ ${TASK} { ...A } } fragment A on Task { ... on Node { ...A } }` },
    ],
    ["a fragment that is not there", "GRAPHQL_VALIDATION_FAILED", { query: "subscription { ...Gone }" }],
    [
      "a variable that is not declared",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `subscription { ${FOLLOW} { status @include(if: $gone) } }` },
    ],
    [
      "two operations of one name",
      "GRAPHQL_VALIDATION_FAILED",
      { query: "query A { __typename } query A { __typename }", operationName: "A" },
    ],
    ["a type definition", "GRAPHQL_VALIDATION_FAILED", { query: "{ __typename } type Query { a: Int }" }],
    [
      "an extension of the schema",
      "GRAPHQL_VALIDATION_FAILED",
      { query: "extend schema { subscription: Query } extend type Query { a: Int } { a }" },
    ],
    ["nothing but definitions", "GRAPHQL_VALIDATION_FAILED", { query: "directive @include(if: Int) on FIELD" }],
    [
      "introspection",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `{ __schema { ${nest(50, "types { fields { type { ", "name", " } } }")} } }` },
    ],
    [
      "a field named as the prototype",
      "GRAPHQL_VALIDATION_FAILED",
      { query: "{ __proto__ constructor hasOwnProperty toString }" },
    ],
    [
      "arguments named as the prototype",
      "GRAPHQL_VALIDATION_FAILED",
      { query: '{ node(id: "", __proto__: 1, constructor: 2) { id } }' },
    ],
    [
      "a fragment on a type named as the prototype",
      "GRAPHQL_VALIDATION_FAILED",
      { query: "{ ...__proto__ } fragment __proto__ on constructor { id }" },
    ],
    [
      "a directive named as the prototype",
      "GRAPHQL_VALIDATION_FAILED",
      { query: "{ __typename @__proto__ @constructor }" },
    ],
    [
      "the same directive over and over",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `{ __typename ${"@include(if: true) ".repeat(400)} }` },
    ],
    [
      "a thousand unknown fields",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `{ ${repeat(1_000, (index) => `f${index}`)} }` },
    ],
    [
      "a thousand conflicts",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `{ ${repeat(120, (index) => `a: node(id: "${index}") { id }`)} }` },
    ],
    [
      "list literals nested 2,900 deep",
      "GRAPHQL_PARSE_FAILED|GRAPHQL_VALIDATION_FAILED",
      { query: `{ nodes(ids: ${nest(1_450, "[", '""', "]")}) { id } }` },
    ],
    [
      "object literals nested 700 deep",
      "GRAPHQL_PARSE_FAILED|GRAPHQL_VALIDATION_FAILED",
      {
        query: `subscription { projectEvents(projectName: "a", filter: ${nest(700, "{ a: ", "1", "}")}) { task { id } } }`,
      },
    ],
    [
      "selections nested 1,000 deep",
      "GRAPHQL_PARSE_FAILED|GRAPHQL_VALIDATION_FAILED",
      { query: nest(990, "{ a ", "", "}") },
    ],
    [
      "inline fragments nested 700 deep",
      "GRAPHQL_PARSE_FAILED|GRAPHQL_VALIDATION_FAILED|BAD_USER_INPUT",
      { query: `{ ${nest(700, "... { ", "nothing", " }")} }` },
    ],
    [
      "a chain of fragments 350 long",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `{ ...F0 } ${repeat(350, (index) => `fragment F${index} on Query { ...F${index + 1} }`)}` },
    ],
    [
      "variable types nested 1,000 deep",
      "GRAPHQL_PARSE_FAILED|GRAPHQL_VALIDATION_FAILED",
      { query: `query ($a: ${nest(1_000, "[", "Int", "]")}) { __typename }` },
    ],
    [
      "fragments that double thirty times",
      "BAD_USER_INPUT",
      {
        query: `{ ...F0 } ${repeat(30, (index) => `fragment F${index} on Query { ...F${index + 1} ... { ...F${index + 1} } }`)} fragment F30 on Query { __typename }`,
      },
    ],
    ["more tokens than there may be", "GRAPHQL_PARSE_FAILED", { query: `{ ${"__typename ".repeat(4_000)} }` }],
    ["a text that does not end", "GRAPHQL_PARSE_FAILED", { query: '{ node(id: "' }],
    ["a block text that does not end", "GRAPHQL_PARSE_FAILED", { query: `{ node(id: """${"\n x".repeat(10_000)}` }],
    ["a control character", "GRAPHQL_PARSE_FAILED", { query: "{ \u0000 }" }],
    ["a lone surrogate in a text", "GRAPHQL_PARSE_FAILED", { query: '{ node(id: "\\uD800") { id } }' }],
    ["a code point that is none", "GRAPHQL_PARSE_FAILED", { query: '{ node(id: "\\u{110000}") { id } }' }],
    ["nothing", "GRAPHQL_PARSE_FAILED|BAD_REQUEST", { query: "" }],
    ["a comment", "GRAPHQL_PARSE_FAILED", { query: `#${"x".repeat(5_000)}` }],
    [
      "an operation that is not there",
      "OPERATION_RESOLUTION_FAILURE",
      { query: "query A { __typename } query B { __typename }", operationName: "__proto__" },
    ],
    [
      "a choice that is not made",
      "OPERATION_RESOLUTION_FAILURE",
      { query: "query A { __typename } query B { __typename }" },
    ],
    [
      "no operation",
      "GRAPHQL_VALIDATION_FAILED|OPERATION_RESOLUTION_FAILURE",
      { query: "fragment F on Query { __typename }" },
    ],
    [
      "an Int literal beyond its range",
      "GRAPHQL_VALIDATION_FAILED",
      { query: `{ tasks(projectName: "a", first: ${"9".repeat(400)}) { nodes { id } } }` },
    ],
  ])("%s: %s", async (_what, wanted, operation) => {
    for (const { transport, status, kind, codes } of await attacked.gateway.send(operation)) {
      expect({ transport, kind, codes }).toEqual({
        transport,
        kind: "result",
        codes: codes.filter((code) => wanted.includes(String(code))),
      });
      expect(codes).not.toEqual([]);
      expect(status).toBeLessThan(500);
    }
  });
});
