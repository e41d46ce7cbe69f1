import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { BadUserInputError } from "../../../src/errors.js";
import { BEGINNING, digestOf, parseCursor, toCursor, type ListPlace } from "../../../src/tasks/list/list-cursor.js";
import { parseListQuery } from "../../../src/tasks/list/list-query.js";

const DIGEST = digestOf(parseListQuery("p", null, null));
const ANCHOR = { taskId: "FileCompression-1", time: "2026-01-15T08:00:00.123456789Z", index: 7 };

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function refusalOf(cursor: string, digest = DIGEST): BadUserInputError {
  try {
    parseCursor(cursor, digest);
  } catch (thrown) {
    if (thrown instanceof BadUserInputError) return thrown;
  }
  throw new Error("Expected a refusal.");
}

describe("a cursor", () => {
  it.each<ListPlace>([
    BEGINNING,
    { token: "t", anchor: undefined },
    { token: undefined, anchor: ANCHOR },
    { token: "t", anchor: { ...ANCHOR, index: 149 } },
    { token: "令牌==", anchor: { ...ANCHOR, time: null } },
  ])("brings %j back", (place) => {
    expect(parseCursor(toCursor(DIGEST, place), DIGEST)).toEqual(place);
  });

  it.each([
    ["nothing", ""],
    ["a word", "hello"],
    ["JSON that is no list", encode({ a: 1 })],
    ["an empty list", encode([])],
    ["a place without a digest", encode([null, null])],
    ["a token that is a number", encode([DIGEST, 5])],
    ["an empty token", encode([DIGEST, ""])],
    ["an anchor without a place", encode([DIGEST, "t", "id"])],
    ["a time that is none", encode([DIGEST, "t", "id", "yesterday", 1])],
    ["a negative place", encode([DIGEST, "t", "id", null, -1])],
    ["a place beyond all pages", encode([DIGEST, "t", "id", null, 2 ** 53])],
    ["a broken place", encode([DIGEST, "t", "id", null, 1.5])],
    ["one part too many", encode([DIGEST, "t", "id", null, 1, 2])],
    ["another spelling of the same", `${toCursor(DIGEST, BEGINNING)}=`],
    ["more than 4096 characters", toCursor(DIGEST, { token: "t".repeat(3_100), anchor: undefined })],
  ])("is refused when it is %s", (_what, cursor) => {
    expect(refusalOf(cursor)).toMatchObject({
      argument: "after",
      message: "Expected `after` to be a cursor that `tasks` gave, got another text.",
    });
  });

  it("is never anything but read or refused, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.json().map(encode)), (text) => {
        expect(refusalOf(text)).toBeInstanceOf(BadUserInputError);
      }),
    );
  });

  it.each([
    ["project", parseListQuery("q", null, null)],
    ["types", parseListQuery("p", { taskTypes: ["A"] }, null)],
    ["state", parseListQuery("p", { status: "RUNNING" }, null)],
    ["tag", parseListQuery("p", { tag: { key: "a", value: "b" } }, null)],
    ["start", parseListQuery("p", { startTime: { from: "2026-01-15T08:00:00Z" } }, null)],
    ["end", parseListQuery("p", { endTime: { from: "2026-01-15T08:00:00Z" } }, null)],
    ["field of the order", parseListQuery("p", null, { field: "StartTime", direction: "asc" })],
    ["direction of the order", parseListQuery("p", null, { field: "TaskId", direction: "desc" })],
  ])("is refused for a list of another %s", (_what, query) => {
    expect(refusalOf(toCursor(DIGEST, { token: "t", anchor: ANCHOR }), digestOf(query))).toMatchObject({
      argument: "after",
      message: expect.stringContaining("of the same list"),
    });
  });

  it("is good for the same list however it is written", () => {
    const order = { field: "TaskId", direction: "asc" } as const;
    expect(digestOf(parseListQuery("p", {}, order))).toBe(DIGEST);
    expect(digestOf(parseListQuery("p", { taskTypes: ["B", "A", "B"] }, null))).toBe(
      digestOf(parseListQuery("p", { taskTypes: ["A", "B"] }, null)),
    );
  });
});
