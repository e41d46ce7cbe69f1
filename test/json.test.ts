import { describe, expect, it } from "@jest/globals";
import { isTooDeep, isTooLarge, MAX_JSON_DEPTH, parseExact, stringifyExact, withPlainNumbers } from "../src/json.js";

/** Arrays and objects in turn, `depth` of them in each other, with `core` in the innermost. */
function nested(depth: number, ...core: readonly unknown[]): unknown {
  let value: unknown = [...core];
  for (let level = 1; level < depth; level += 1) value = level % 2 === 0 ? [value] : { value };
  return value;
}

describe("a value", () => {
  it.each([null, undefined, 1, "text", true])("that holds nothing (%p) is never too deep", (value) => {
    expect(isTooDeep(value)).toBe(false);
  });

  it.each([[[]], [["text"]]])("may be nested to the bound and no deeper, with %j innermost", (core) => {
    expect(isTooDeep(nested(MAX_JSON_DEPTH, ...core))).toBe(false);
    expect(isTooDeep(nested(MAX_JSON_DEPTH + 1, ...core))).toBe(true);
  });

  it("is found too deep by its deepest part, not by its first", () => {
    expect(isTooDeep([1, [2], { a: nested(MAX_JSON_DEPTH) }])).toBe(true);
    expect(isTooDeep(Array.from({ length: 1_000 }, () => nested(MAX_JSON_DEPTH - 1)))).toBe(false);
  });

  it("may be nested as deep as a text can hold without ending the process", () => {
    const depth = 1_000_000;
    expect(isTooDeep(JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`))).toBe(true);
  });
});

describe("the size of a value", () => {
  const shared = { uri: "oss://bucket/key", list: [1, -2.5, 1e21, true, false, null] };

  it.each<[string, unknown]>([
    ["a number", 12.5],
    ["a text", "text"],
    ["escapes", 'a"b\\c\n\u0001\u007f'],
    ["other scripts", "é 处理 𝄞 \ud834 \udd1e\udd1e"],
    ["an empty array", []],
    ["an empty object", {}],
    ["members in each other", { a: [1, { b: "c" }, []], d: {}, 'e"': null }],
    ["an object that is held many times", [shared, shared, { shared, again: [shared] }]],
    ["a long text that is held many times", Array(3).fill('"long"'.repeat(100))],
  ])("is that of its JSON text: %s", (_what, value) => {
    const bytes = Buffer.byteLength(JSON.stringify(value));
    expect(isTooLarge(value, bytes)).toBe(false);
    expect(isTooLarge(value, bytes - 1)).toBe(true);
  });

  it("is found without measuring an object again for each time that it is held", () => {
    let reads = 0;
    const held = {
      get member() {
        reads += 1;
        return ["text"];
      },
    };
    expect(isTooLarge([held, { held }, [[held]], ...Array.from({ length: 300 }, () => held)], 1_000_000)).toBe(false);
    expect(reads).toBe(1);
  });

  it("is too large where a value holds itself, and where there are too many values", () => {
    const ring: unknown[] = [];
    ring.push({ ring });
    expect(isTooLarge(ring, 1_000_000)).toBe(true);
    expect(isTooLarge(Array(250_000).fill(0), 10_000_000)).toBe(true);
    expect(isTooLarge(Array(249_999).fill(0), 10_000_000)).toBe(false);
  });

  it("is found however deep a value is nested", () => {
    const depth = 1_000_000;
    expect(isTooLarge(JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`), 100)).toBe(true);
  });
});

describe("the digits of numbers", () => {
  it.each([
    "12345678901234567890",
    "9007199254740993",
    "1.10",
    "-0",
    "1e400",
    "1E2",
    "0.0000001",
    '{"a":[1.10,{"b":-0.0}],"c":7}',
    '{"__proto__":{"a":1.0},"b":"007.50 "}',
    '["at 10:30.10, 007.10 ", 1.50]'.replace(", 1", ",1"),
  ])("stay as they were written: %s", (text) => {
    expect(stringifyExact(parseExact(text))).toBe(text);
    expect(withPlainNumbers(parseExact(text))).toEqual(JSON.parse(text));
  });

  it.each(["7", "1.5", '{"a":[1,"1.10"]}', "-9007199254740991"])(
    "are JavaScript's where it has the same: %s",
    (text) => {
      expect(parseExact(text)).toEqual(JSON.parse(text));
    },
  );

  it("keep the last of two members of one name, as JSON.parse does", () => {
    expect(withPlainNumbers(parseExact('{"a":1.10,"b":2,"a":{"c":3.0}}'))).toEqual({ a: { c: 3 }, b: 2 });
  });

  it("are JavaScript's in a text that is too long or nested too deep to be read otherwise", () => {
    const deep = `${"[".repeat(1_000_000)}1.10${"]".repeat(1_000_000)}`;
    expect(isTooDeep(parseExact(deep))).toBe(true);
    const long = `["${" ".repeat(5_000_000)}",1.10]`;
    expect(parseExact(long)).toEqual(JSON.parse(long));
  });

  it("are made plain once in what is held many times, and not at all in what holds itself", () => {
    let value: unknown = parseExact("[1.10]");
    for (let level = 0; level < 40; level += 1) value = [value, value];
    const plain = withPlainNumbers(value) as readonly unknown[];
    expect(plain[0]).toBe(plain[1]);
    const ring: unknown[] = [1];
    ring.push(ring, { ring });
    expect(withPlainNumbers(ring)).toBe(ring);
  });
});
