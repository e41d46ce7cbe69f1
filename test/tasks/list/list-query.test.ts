import { describe, expect, it } from "@jest/globals";
import { BadUserInputError } from "../../../src/errors.js";
import { parseFirst, parseListQuery, type TaskFilter } from "../../../src/tasks/list/list-query.js";

function refusalOf(action: () => unknown): BadUserInputError {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof BadUserInputError) return thrown;
  }
  throw new Error("Expected a refusal.");
}

describe("what is asked of ListTasks", () => {
  it("is the project in IMM's own order when nothing else is said, and null says nothing", () => {
    const plain = { projectName: "p", sort: "TaskId", order: "asc" };
    const nothing = { taskTypes: null, status: null, tag: null, startTime: null, endTime: null };
    expect(parseListQuery("p", undefined, undefined)).toEqual(plain);
    expect(parseListQuery("p", null, null)).toEqual(plain);
    expect(parseListQuery("p", nothing, null)).toEqual(plain);
  });

  it("is every part of a filter and an order in IMM's words, instants as they were written", () => {
    const from = "2026-01-15T08:00:00.123456789+08:00";
    const to = "2026-01-16T08:00:00Z";
    expect(
      parseListQuery(
        "p",
        {
          taskTypes: ["MediaConvert", "ImageToPDF", "MediaConvert"],
          status: "FAILED",
          tag: { key: "team", value: "a=b" },
          startTime: { from, to },
          endTime: { from: null, to },
        },
        { field: "EndTime", direction: "desc" },
      ),
    ).toEqual({
      projectName: "p",
      taskTypes: ["ImageToPDF", "MediaConvert"],
      status: "Failed",
      tagSelector: "team=a=b",
      startTimeRange: { start: from, end: to },
      endTimeRange: { end: to },
      sort: "EndTime",
      order: "desc",
    });
  });

  const instant = "2026-01-15T08:00:00Z";
  it.each<[argument: string, filter: TaskFilter]>([
    ["filter.taskTypes", { taskTypes: [] }],
    ["filter.taskTypes", { taskTypes: Array.from({ length: 51 }, () => "A") }],
    ["filter.taskTypes", { taskTypes: ["A", " "] }],
    ["filter.tag.key", { tag: { key: "a=b", value: "c" } }],
    ["filter.tag.key", { tag: { key: "", value: "c" } }],
    ["filter.tag.value", { tag: { key: "a", value: "" } }],
    ["filter.tag.value", { tag: { key: "a", value: "line\nbreak" } }],
    ["filter.startTime", { startTime: {} }],
    ["filter.endTime", { endTime: { from: null, to: null } }],
    ["filter.startTime", { startTime: { from: instant, to: "2026-01-15T15:59:59+08:00" } }],
  ])("is refused, naming %s, for %j", (argument, filter) => {
    const refusal = refusalOf(() => parseListQuery("p", filter, null));
    expect(refusal.argument).toBe(argument);
    expect(refusal.message).toContain(`Expected \`${argument}\` to`);
  });

  it("is not refused for a range of one instant, whatever its offset", () => {
    const range = { from: instant, to: "2026-01-15T16:00:00+08:00" };
    expect(() => parseListQuery("p", { startTime: range }, null)).not.toThrow();
  });

  it("is refused for a project that is no name", () => {
    expect(refusalOf(() => parseListQuery("", null, null)).argument).toBe("projectName");
  });
});

describe("how many are asked for", () => {
  it.each([
    [undefined, 1_000, 100],
    [null, 1_000, 100],
    [null, 10, 10],
    [1, 1_000, 1],
    [1_000, 1_000, 1_000],
  ])("is for `first: %p` of at most %d: %d", (value, max, expected) => {
    expect(parseFirst(value, max)).toBe(expected);
  });

  it.each([0, -1, 1_001])("is refused for %d", (value) => {
    expect(refusalOf(() => parseFirst(value, 1_000))).toMatchObject({
      argument: "first",
      message: `Expected \`first\` to be from 1 to 1000, got ${value}.`,
    });
  });
});
