import { describe, expect, it } from "@jest/globals";
import { Kind, type ValueNode } from "graphql";
import { isTooDeep } from "../../src/json.js";
import { GraphQLJSON, GraphQLJSONObject } from "../../src/schema/scalars.js";

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
