import { describe, expect, it } from "@jest/globals";
import { createAccessPolicy, type AccessRules, type Verdict } from "../../src/access/access-policy.js";
import { keeps } from "../../src/access/grants/grants.js";
import {
  EVERYBODY,
  viewOf,
  type AccessTarget,
  type Grant,
  type Ownership,
  type Principal,
  type Right,
} from "../../src/access/principal.js";
import { tagOf } from "../../src/tasks/create/idempotency-tag.js";

const SERVED = { projects: ["a"], readOnly: false };
const ANYTHING = { name: "", isPrefix: true };
const PROJECT = { name: "media", isPrefix: false };
const TENANT = { name: "acme-", isPrefix: true };
const BY_TAG: Ownership = { tag: "owner", equals: "alice" };
const BY_USER_DATA: Ownership = { userData: "/ownerId", equals: "alice" };
const NO_SIGNS = { tags: null, userData: null };

function judge(
  grants: readonly Grant[],
  right: Right,
  target: AccessTarget,
  rules: Partial<AccessRules> = {},
): Verdict {
  return createAccessPolicy({ readOnly: false, ...rules }).judge({ caller: "alice", grants }, right, target);
}

describe("the rules of the gateway", () => {
  const refusalOf = (rules: Partial<AccessRules>, right: Right, target: AccessTarget): string | undefined => {
    const policy = createAccessPolicy({ readOnly: false, ...rules });
    return policy.judge(EVERYBODY, right, target) === "forbidden" ? policy.refusal(right, target).message : undefined;
  };

  it("permit everything but secrets where nothing is set up", () => {
    expect(refusalOf({}, "read", { projectName: "a" })).toBeUndefined();
    expect(refusalOf({}, "definitions", { projectName: "a" })).toBeUndefined();
    expect(refusalOf({}, "create", { projectName: "a", taskType: "FileCompression" })).toBeUndefined();
    expect(refusalOf({}, "secrets", { projectName: "a" })).toMatch(/^The caller may not see the secrets/);
  });

  it("refuse all of a project that is not served, in the same words whatever there is", () => {
    expect(refusalOf(SERVED, "read", { projectName: "a" })).toBeUndefined();
    for (const right of ["read", "create", "definitions"] as const) {
      expect(refusalOf(SERVED, right, { projectName: "b" })).toBe("The gateway does not serve this project.");
    }
  });

  it("refuse every create of a read-only gateway, before its project is known, and no read", () => {
    const message = "This gateway is read-only: it starts no tasks.";
    expect(refusalOf({ readOnly: true }, "create", {})).toBe(message);
    expect(refusalOf({ readOnly: true, projects: ["a"] }, "create", { projectName: "b" })).toBe(message);
    expect(refusalOf({ readOnly: true }, "read", { projectName: "a" })).toBeUndefined();
  });

  it("refuse nothing for what is not known yet", () => {
    expect(refusalOf(SERVED, "create", {})).toBeUndefined();
  });
});

describe("grants", () => {
  const read: Grant = { projects: [PROJECT], allow: ["read"] };
  it.each<[string, Grant, Right, AccessTarget, Verdict]>([
    ["the project", read, "read", { projectName: "media" }, "allowed"],
    ["one that begins with its name", read, "read", { projectName: "media-2" }, "forbidden"],
    ["another right", read, "create", { projectName: "media" }, "forbidden"],
    ["no right", { ...read, allow: [] }, "read", { projectName: "media" }, "forbidden"],
    ["no project", { ...read, projects: [] }, "read", { projectName: "media" }, "forbidden"],
    ["a prefix", { ...read, projects: [TENANT] }, "read", { projectName: "acme-1" }, "allowed"],
    ["a prefix covers longer names", { ...read, projects: [TENANT] }, "read", { projectName: "acme-eu-1" }, "allowed"],
    ["the prefix itself", { ...read, projects: [TENANT] }, "read", { projectName: "acme-" }, "allowed"],
    ["less than the prefix", { ...read, projects: [TENANT] }, "read", { projectName: "acme" }, "forbidden"],
    [
      "a literal star",
      { ...read, projects: [{ name: "a*", isPrefix: false }] },
      "read",
      { projectName: "ab" },
      "forbidden",
    ],
    ["a type", { ...read, taskTypes: ["A"] }, "read", { projectName: "media", taskType: "A" }, "allowed"],
    ["another type", { ...read, taskTypes: ["A"] }, "read", { projectName: "media", taskType: "B" }, "forbidden"],
    [
      "a type in other letters",
      { ...read, taskTypes: ["A"] },
      "read",
      { projectName: "media", taskType: "a" },
      "forbidden",
    ],
    ["a whole project of some types", { ...read, taskTypes: ["A"] }, "read", { projectName: "media" }, "allowed"],
    ["own, not known", { ...read, own: BY_TAG }, "read", { projectName: "media" }, "depends"],
    ["own, without signs", { ...read, own: BY_TAG }, "read", { projectName: "media", ...NO_SIGNS }, "hidden"],
    [
      "own by tag",
      { ...read, own: BY_TAG },
      "read",
      { projectName: "media", tags: { owner: "alice" }, userData: null },
      "allowed",
    ],
    [
      "another's",
      { ...read, own: BY_TAG },
      "read",
      { projectName: "media", tags: { owner: "bob" }, userData: null },
      "hidden",
    ],
    [
      "a tag that is no text",
      { ...read, own: { tag: "owner", equals: "1" } },
      "read",
      { projectName: "media", tags: { owner: 1 }, userData: null },
      "hidden",
    ],
    [
      "an inherited tag",
      { ...read, own: { tag: "constructor", equals: "x" } },
      "read",
      { projectName: "media", tags: {}, userData: null },
      "hidden",
    ],
    [
      "own by user data",
      { ...read, own: BY_USER_DATA },
      "read",
      { projectName: "media", tags: null, userData: '{"ownerId":"alice"}' },
      "allowed",
    ],
    [
      "user data of another",
      { ...read, own: BY_USER_DATA },
      "read",
      { projectName: "media", tags: null, userData: '{"ownerId":"alice","ownerId":"bob"}' },
      "hidden",
    ],
    [
      "user data that is no JSON",
      { ...read, own: BY_USER_DATA },
      "read",
      { projectName: "media", tags: null, userData: "alice" },
      "hidden",
    ],
    [
      "user data that is a list",
      { ...read, own: { userData: "/0", equals: "alice" } },
      "read",
      { projectName: "media", tags: null, userData: '["alice"]' },
      "hidden",
    ],
    [
      "a tag in place of user data",
      { ...read, own: BY_USER_DATA },
      "read",
      { projectName: "media", tags: { ownerId: "alice" }, userData: null },
      "hidden",
    ],
    [
      "own in another project",
      { ...read, own: BY_TAG },
      "read",
      { projectName: "other", tags: { owner: "alice" }, userData: null },
      "forbidden",
    ],
  ])("%s", (_what, grant, right, target, verdict) => {
    expect(judge([grant], right, target)).toBe(verdict);
  });

  it("add up", () => {
    const grants: readonly Grant[] = [
      { projects: [PROJECT], allow: ["read"], own: BY_TAG },
      { projects: [PROJECT], taskTypes: ["A"], allow: ["read"] },
      { projects: [TENANT], allow: ["create"] },
    ];
    expect(judge(grants, "read", { projectName: "media", taskType: "A", ...NO_SIGNS })).toBe("allowed");
    expect(judge(grants, "read", { projectName: "media", taskType: "B", ...NO_SIGNS })).toBe("hidden");
    expect(judge(grants, "create", { projectName: "acme-1", taskType: "B" })).toBe("allowed");
    expect(judge(grants, "create", { projectName: "media", taskType: "B" })).toBe("forbidden");
    expect(judge([], "read", {})).toBe("forbidden");
  });

  it("that are the same to see make one view, whatever they allow to start", () => {
    const view = (...grants: readonly Grant[]): string => viewOf({ caller: String(Math.PI), grants });
    const other = { projects: [TENANT], allow: ["read"] } as const;
    expect(view(read, other)).toBe(view(other, { ...read, allow: ["create", "read"] }, { ...read, allow: ["create"] }));
    expect(view(read)).not.toBe(view({ ...read, allow: ["read", "definitions"] }));
    expect(view({ ...read, own: BY_TAG })).not.toBe(view({ ...read, own: { tag: "owner", equals: "bob" } }));
  });
});

describe("a change of grants", () => {
  const old: Grant = { projects: [PROJECT], allow: ["read", "definitions"] };
  const some: Grant = { ...old, taskTypes: ["A"] };
  const own: Grant = { ...old, own: BY_TAG };
  const project = { projectName: "media" };
  it.each<[string, Grant, readonly Grant[], readonly Right[], AccessTarget, boolean]>([
    ["the same", old, [old], ["read", "definitions"], project, true],
    ["nothing left", old, [], ["read"], project, false],
    ["more projects", old, [{ ...old, projects: [TENANT, ANYTHING] }], ["read"], project, true],
    ["another project", old, [{ ...old, projects: [TENANT] }], ["read"], project, false],
    ["no definitions, which are needed", old, [{ ...old, allow: ["read"] }], ["read", "definitions"], project, false],
    ["no definitions, which are not", old, [{ ...old, allow: ["read"] }], ["read"], project, true],
    ["some types of a project", old, [some], ["read"], project, false],
    ["the type that it is about", old, [some], ["read"], { ...project, taskType: "A" }, true],
    ["another type", old, [some], ["read"], { ...project, taskType: "B" }, false],
    [
      "the types one by one",
      { ...some, taskTypes: ["A", "B"] },
      [some, { ...some, taskTypes: ["B"] }],
      ["read"],
      project,
      true,
    ],
    ["the caller's own alone", old, [own], ["read"], project, false],
    ["all instead of its own", own, [old], ["read"], project, true],
    ["another owner", own, [{ ...own, own: BY_USER_DATA }], ["read"], project, false],
    ["what was never given", own, [], ["secrets"], project, true],
  ])("to %s", (_what, before, after, rights, target, isKept) => {
    expect(keeps([before], after, rights, target)).toBe(isKept);
  });
});

describe("everybody", () => {
  it("finds the tasks of the keys that earlier versions have used", () => {
    const input = { ProjectName: "immtest", URI: "oss://a/b" };
    const { caller }: Principal = EVERYBODY;
    const tag = tagOf({ action: "CreateFileCompressionTask", input, idempotencyKey: "key", caller });
    expect(tag).toEqual({
      key: "02f748f14badfe900e32eb8766730a13",
      input: "d332beafa001cbc69a090d9d86857e31",
    });
  });
});
