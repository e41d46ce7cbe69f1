import { describe, expect, it } from "@jest/globals";
import { createAccessPolicy, type AccessRules } from "../../src/access/access-policy.js";
import { EVERYBODY } from "../../src/access/principal.js";
import { ForbiddenError } from "../../src/errors.js";
import { tagOf } from "../../src/tasks/create/idempotency-tag.js";

function refusal(rules: Partial<AccessRules>, ...[right, target]: readonly ["read" | "create", object]): unknown {
  return createAccessPolicy({ readOnly: false, ...rules })(EVERYBODY, right, target);
}

describe("the access policy", () => {
  it("permits everything where nothing is set up", () => {
    expect(refusal({}, "read", { projectName: "a" })).toBeUndefined();
    expect(refusal({}, "create", { projectName: "a", taskType: "FileCompression" })).toBeUndefined();
  });

  it("refuses all of a project that is not served, in the same words whatever there is", () => {
    const projects = ["a"];
    expect(refusal({ projects }, "read", { projectName: "a" })).toBeUndefined();
    for (const right of ["read", "create"] as const) {
      const refused = refusal({ projects }, right, { projectName: "b" });
      expect(refused).toBeInstanceOf(ForbiddenError);
      expect(refused).toMatchObject({ message: "The gateway does not serve this project." });
    }
  });

  it("refuses every create of a read-only gateway, before its project is known, and no read", () => {
    const message = "This gateway is read-only: it starts no tasks.";
    expect(refusal({ readOnly: true }, "create", {})).toMatchObject({ message, code: "FORBIDDEN" });
    expect(refusal({ readOnly: true, projects: ["a"] }, "create", { projectName: "b" })).toMatchObject({ message });
    expect(refusal({ readOnly: true }, "read", { projectName: "a" })).toBeUndefined();
  });

  it("refuses nothing for what is not known yet", () => {
    expect(refusal({ projects: ["a"] }, "create", {})).toBeUndefined();
  });
});

describe("everybody", () => {
  it("finds the tasks of the keys that earlier versions have used", () => {
    const input = { ProjectName: "immtest", URI: "oss://a/b" };
    const tag = tagOf({ action: "CreateFileCompressionTask", input, idempotencyKey: "key", ...EVERYBODY });
    expect(tag).toEqual({
      key: "02f748f14badfe900e32eb8766730a13",
      input: "d332beafa001cbc69a090d9d86857e31",
    });
  });
});
