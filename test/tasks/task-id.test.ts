import { describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";
import { BadUserInputError } from "../../src/errors.js";
import { parseGlobalTaskId, toGlobalTaskId } from "../../src/tasks/task-id.js";

const KEY = { projectName: "immtest", taskType: "FileCompression", taskId: "FileCompression-1" };

describe("a global task id", () => {
  it("holds the whole key, whatever its characters", () => {
    const anyName = fc
      .string({ minLength: 1, unit: "grapheme" })
      .filter((name) => name.trim() !== "" && !/\p{Cc}/u.test(name));
    fc.assert(
      fc.property(anyName, anyName, anyName, (projectName, taskType, taskId) => {
        const key = { projectName, taskType, taskId };
        expect(parseGlobalTaskId(toGlobalTaskId(key))).toEqual(key);
      }),
    );
  });

  it("is fit for a URL and does not change between releases", () => {
    expect(toGlobalTaskId(KEY)).toBe("WyJUYXNrIiwiaW1tdGVzdCIsIkZpbGVDb21wcmVzc2lvbiIsIkZpbGVDb21wcmVzc2lvbi0xIl0");
  });

  it.each([
    ["nothing", ""],
    ["words", "hello"],
    ["JSON of another shape", Buffer.from('{"a":1}').toString("base64url")],
    ["another type", Buffer.from('["User","a","b","c"]').toString("base64url")],
    ["too few parts", Buffer.from('["Task","a","b"]').toString("base64url")],
    ["parts that are no text", Buffer.from('["Task","a","b",3]').toString("base64url")],
    ["a second spelling", `${toGlobalTaskId(KEY)}=`],
    ["an empty name", Buffer.from('["Task","","b","c"]').toString("base64url")],
  ])("is refused when it is %s", (_what, id) => {
    expect(() => parseGlobalTaskId(id)).toThrow(BadUserInputError);
  });

  it("has room for the longest names, and is not even read when it is longer", () => {
    const longest = { projectName: "\uFFFD".repeat(512), taskType: '"'.repeat(512), taskId: "\uFFFD".repeat(512) };
    expect(parseGlobalTaskId(toGlobalTaskId(longest))).toEqual(longest);
    const read = jest.spyOn(Buffer, "from");
    expect(() => parseGlobalTaskId("W".repeat(200_000))).toThrow(BadUserInputError);
    expect(read).not.toHaveBeenCalled();
    read.mockRestore();
  });

  it("names the argument that holds it", () => {
    for (const id of ["x", Buffer.from('["Task","","b","c"]').toString("base64url")]) {
      expect(() => parseGlobalTaskId(id, "ids")).toThrow("Expected `ids` to be the id of a Task, got another text.");
    }
  });
});
