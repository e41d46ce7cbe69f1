import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { BadUserInputError } from "../../src/errors.js";
import { parseTaskKey, toKeyText } from "../../src/tasks/task.js";

const KEY = { projectName: "p", taskType: "FileCompression", taskId: "t" };

describe("a task key", () => {
  it.each([
    ["key.projectName", { ...KEY, projectName: "" }],
    ["key.taskType", { ...KEY, taskType: "  " }],
    ["key.taskId", { ...KEY, taskId: "" }],
    ["key.taskId", { ...KEY, taskId: "a\u0000b" }],
    ["key.taskId", { ...KEY, taskId: "half \ud800" }],
    ["key.taskId", { ...KEY, taskId: "x".repeat(513) }],
  ])("refuses a bad %s and names it", (argument, key) => {
    expect(() => parseTaskKey(key)).toThrow(BadUserInputError);
    expect(() => parseTaskKey(key)).toThrow(`Expected \`${argument}\``);
  });

  it("is one text exactly when it is one task", () => {
    const anyKey = fc.record({ projectName: fc.string(), taskType: fc.string(), taskId: fc.string() });
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        const isSame = a.projectName === b.projectName && a.taskType === b.taskType && a.taskId === b.taskId;
        expect(toKeyText(a) === toKeyText(b)).toBe(isSame);
      }),
    );
  });
});
