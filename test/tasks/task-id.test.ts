import { describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";
import { BadUserInputError } from "../../src/errors.js";
import { parseGlobalTaskId, parseTaskIdOf, toGlobalTaskId } from "../../src/tasks/task-id.js";

const KEY = { region: "cn-hangzhou", projectName: "immtest", taskType: "FileCompression", taskId: "FileCompression-1" };

describe("a global task id", () => {
  it("holds the whole key, whatever its characters", () => {
    const anyName = fc
      .string({ minLength: 1, unit: "grapheme" })
      .filter((name) => name.trim() !== "" && !/\p{Cc}/u.test(name));
    fc.assert(
      fc.property(anyName, anyName, anyName, anyName, (region, projectName, taskType, taskId) => {
        const key = { region, projectName, taskType, taskId };
        expect(parseGlobalTaskId(toGlobalTaskId(key))).toEqual(key);
      }),
    );
  });

  it("is fit for a URL and does not change between releases", () => {
    expect(toGlobalTaskId(KEY)).toBe(
      "WzEsImNuLWhhbmd6aG91IiwiaW1tdGVzdCIsIkZpbGVDb21wcmVzc2lvbiIsIkZpbGVDb21wcmVzc2lvbi0xIl0",
    );
  });

  it.each([
    ["nothing", ""],
    ["words", "hello"],
    ["JSON of another shape", Buffer.from('{"a":1}').toString("base64url")],
    ["another version", Buffer.from('[2,"r","a","b","c"]').toString("base64url")],
    ["the form before there were versions", Buffer.from('["Task","a","b","c"]').toString("base64url")],
    ["too few parts", Buffer.from('[1,"r","a","b"]').toString("base64url")],
    ["parts that are no text", Buffer.from('[1,"r","a","b",3]').toString("base64url")],
    ["no region", Buffer.from('[1,"","a","b","c"]').toString("base64url")],
    ["a second spelling", `${toGlobalTaskId(KEY)}=`],
    ["an empty name", Buffer.from('[1,"r","","b","c"]').toString("base64url")],
  ])("is refused when it is %s", (_what, id) => {
    expect(() => parseGlobalTaskId(id)).toThrow(BadUserInputError);
  });

  it("has room for the longest names, and is not even read when it is longer", () => {
    const longest = {
      region: "r".repeat(64),
      projectName: "\uFFFD".repeat(512),
      taskType: '"'.repeat(512),
      taskId: "\uFFFD".repeat(512),
    };
    expect(parseGlobalTaskId(toGlobalTaskId(longest))).toEqual(longest);
    const read = jest.spyOn(Buffer, "from");
    expect(() => parseGlobalTaskId("W".repeat(200_000))).toThrow(BadUserInputError);
    expect(read).not.toHaveBeenCalled();
    read.mockRestore();
  });

  it("is another one in every region, and none of one region stands for a task of another", () => {
    const elsewhere = { ...KEY, region: "eu-central-1" };
    expect(toGlobalTaskId(elsewhere)).not.toBe(toGlobalTaskId(KEY));
    const { region, ...key } = KEY;
    expect(parseTaskIdOf(region, toGlobalTaskId(KEY))).toEqual(key);
    expect(() => parseTaskIdOf(region, toGlobalTaskId(elsewhere))).toThrow(
      "Expected `id` to be of the region cn-hangzhou, got another one.",
    );
  });

  it("names the argument that holds it", () => {
    for (const id of ["x", Buffer.from('[1,"r","","b","c"]').toString("base64url")]) {
      expect(() => parseGlobalTaskId(id, "ids")).toThrow("Expected `ids` to be the id of a Task, got another text.");
    }
  });
});
