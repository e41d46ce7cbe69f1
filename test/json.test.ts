import { describe, expect, test } from "@jest/globals";
import { isTooDeep, isTooLong, MAX_JSON_DEPTH } from "../src/json.js";

/** Arrays and objects in turn, `depth` of them in each other, with `core` in the innermost. */
function nested(depth: number, ...core: readonly unknown[]): unknown {
  let value: unknown = [...core];
  for (let level = 1; level < depth; level += 1) value = level % 2 === 0 ? [value] : { value };
  return value;
}

describe("a value", () => {
  test.each([null, undefined, 1, "text", true])("that holds nothing (%p) is never too deep", (value) => {
    expect(isTooDeep(value)).toBe(false);
  });

  test.each([[[]], [["text"]]])("may be nested to the bound and no deeper, with %j innermost", (core) => {
    expect(isTooDeep(nested(MAX_JSON_DEPTH, ...core))).toBe(false);
    expect(isTooDeep(nested(MAX_JSON_DEPTH + 1, ...core))).toBe(true);
  });

  test("is found too deep by its deepest part, not by its first", () => {
    expect(isTooDeep([1, [2], { a: nested(MAX_JSON_DEPTH) }])).toBe(true);
    expect(isTooDeep(Array.from({ length: 1_000 }, () => nested(MAX_JSON_DEPTH - 1)))).toBe(false);
  });

  test("may be nested as deep as a text can hold without ending the process", () => {
    const depth = 1_000_000;
    expect(isTooDeep(JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`))).toBe(true);
  });
});

describe("the length of a value's JSON text", () => {
  test.each([
    [{ a: ["b", 1, null, true], c: {} }],
    ["text"],
    [Array.from({ length: 1_000 }, () => [])],
    [{ ["n".repeat(500)]: "" }],
  ])("is known about, without the text: %j", (value) => {
    const { length } = JSON.stringify(value);
    expect(isTooLong(value, length * 2 + 10)).toBe(false);
    expect(isTooLong(value, length / 2)).toBe(true);
  });

  test("is not counted further than needed, however often a value holds the same one", () => {
    let value: unknown = ["text"];
    for (let level = 0; level < 200; level += 1) value = [value, value];
    expect(isTooLong(value, 1_000_000)).toBe(true);
    expect(isTooLong(Array(5_000_000).fill(value), 1_000_000)).toBe(true);
    expect(isTooLong(JSON.parse(`${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`), 1_000)).toBe(true);
  });
});
