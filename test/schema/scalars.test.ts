import { describe, expect, it } from "@jest/globals";
import { Kind, type ValueNode } from "graphql";
import { isTooDeep } from "../../src/json.js";
import { GraphQLDateTime, GraphQLJSON, GraphQLJSONObject } from "../../src/schema/scalars.js";

/** A literal that no parser has made: nested as deep as a test likes. */
function nestedLiteral(levels: number, toOuter: (inner: ValueNode) => ValueNode): ValueNode {
  let node: ValueNode = { kind: Kind.NULL };
  for (let level = 0; level < levels; level += 1) node = toOuter(node);
  return node;
}

const inObject = (value: ValueNode): ValueNode => ({
  kind: Kind.OBJECT,
  fields: [{ kind: Kind.OBJECT_FIELD, name: { kind: Kind.NAME, value: "a" }, value }],
});
const inList = (value: ValueNode): ValueNode => ({ kind: Kind.LIST, values: [value] });

describe("JSON and JSONObject", () => {
  it("read a literal of any depth, and show whether it is too deep", () => {
    for (const [levels, isDeep] of [
      [64, false],
      [65, true],
      [200_000, true],
    ] as const) {
      expect(isTooDeep(GraphQLJSONObject.parseLiteral(nestedLiteral(levels, inObject)))).toBe(isDeep);
      expect(isTooDeep(GraphQLJSON.parseLiteral(nestedLiteral(levels, inObject)))).toBe(isDeep);
      expect(isTooDeep(GraphQLJSON.parseLiteral(nestedLiteral(levels, inList)))).toBe(isDeep);
    }
  });

  it("read a literal as it is written", () => {
    const node = inObject({
      kind: Kind.LIST,
      values: [
        { kind: Kind.INT, value: "7" },
        { kind: Kind.FLOAT, value: "0.5" },
      ],
    });
    expect(GraphQLJSON.parseLiteral(node)).toEqual({ a: [7, 0.5] });
    expect(GraphQLJSON.parseLiteral({ kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: "v" } }, { v: 1 })).toBe(1);
    expect(GraphQLJSON.parseLiteral({ kind: Kind.STRING, value: "s" })).toBe("s");
    expect(GraphQLJSON.parseLiteral({ kind: Kind.BOOLEAN, value: false })).toBe(false);
  });

  it("takes objects only, and refuses others without a word of them, however deep", () => {
    const list = JSON.parse("[".repeat(200_000) + "]".repeat(200_000)) as unknown;
    for (const value of [list, "hunter2", 7, null, ["hunter2"]]) {
      expect(() => GraphQLJSONObject.parseValue(value)).toThrow(/^Expected a JSON object\.$/);
    }
    expect(() => GraphQLJSONObject.parseLiteral(nestedLiteral(200_000, inList))).toThrow(/^Expected a JSON object\.$/);
    const value = { a: 1 };
    expect(GraphQLJSONObject.parseValue(value)).toBe(value);
  });
});

describe("DateTime", () => {
  it.each([
    "2021-12-24T03:01:41Z",
    "2021-12-24T03:01:41.662060377Z",
    "2021-12-24T03:01:41.66206037700000000001+08:00",
    "2021-12-24t03:01:41-23:59",
    "2024-02-29T23:59:59.9z",
    "0000-01-01T00:00:00Z",
  ])("gives and takes an instant as it is written: %s", (instant) => {
    expect([GraphQLDateTime.serialize(instant), GraphQLDateTime.parseValue(instant)]).toEqual([instant, instant]);
  });

  it.each([
    5,
    "5",
    "",
    "2026-11-26",
    "2026-11-26 10:00:00",
    "2026-11-26T10:00:00",
    "2026-11-26T10:00Z",
    "2026-11-26T10:00:00.Z",
    "2026-11-26T10:00:00+0800",
    "2026-11-26T10:00:00|08:00",
    "2026-11-26T24:00:00Z",
    "2026-11-26T10:00:60Z",
    "2026-02-29T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-11-26T10:00:00Z\n",
    "Thu, 26 Nov 2026 10:00:00 GMT",
    "+012026-11-26T10:00:00Z",
  ])("takes nothing else: %j", (value) => {
    expect(() => GraphQLDateTime.parseValue(value)).toThrow(/^Expected an instant as RFC 3339 text/);
  });
});
