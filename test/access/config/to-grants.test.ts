import { describe, expect, it } from "@jest/globals";
import type { ClaimGrantConfig } from "../../../src/access/config/access-config.js";
import { readBearer } from "../../../src/access/authenticators/bearer.js";
import { toClaimGrants, toGrants } from "../../../src/access/config/to-grants.js";
import type { Grant } from "../../../src/access/principal.js";
import { UnauthenticatedError } from "../../../src/errors.js";

const READ: ClaimGrantConfig = { projects: ["media"], allow: ["read"] };

function grantsOf(claims: Record<string, unknown>, ...configs: readonly ClaimGrantConfig[]): readonly Grant[] {
  return toClaimGrants(configs, claims, undefined);
}

/** The projects of the only grant, as patterns; null where it does not match. */
function projectsOf(pattern: string, claims: Record<string, unknown>): readonly string[] | null {
  const [grant] = grantsOf(claims, { ...READ, projects: [pattern] });
  return grant === undefined ? null : grant.projects.map(({ name, isPrefix }) => (isPrefix ? `${name} …` : name));
}

describe("a grant by claims", () => {
  it.each<[claims: Record<string, unknown>, matches: boolean]>([
    [{ roles: "admin" }, true],
    [{ roles: ["user", "admin"] }, true],
    [{ roles: "user admin" }, true],
    [{ roles: "administrator" }, false],
    [{ roles: ["user admin"] }, false],
    [{ roles: [["admin"]] }, false],
    [{ roles: { admin: true } }, false],
    [{ roles: null }, false],
    [{}, false],
  ])("matches by `when`: %j: %j", (claims, matches) => {
    expect(grantsOf(claims, { ...READ, when: { "/roles": "admin" } })).toHaveLength(matches ? 1 : 0);
  });

  it("needs all of a `when`, adds up, and finds claims by their pointers", () => {
    const claims = { "a/b": { "~": ["x"] }, scope: "imm:read imm:write", toString: undefined };
    const both = { ...READ, when: { "/a~1b/~0": "x", "/scope": "imm:write" } };
    const half = { ...READ, when: { "/a~1b/~0": "x", "/scope": "imm:admin" } };
    const item = { ...READ, projects: ["item"], when: { "/a~1b/~0/0": "x" } };
    const inherited = { ...READ, when: { "/constructor/name": "Object" } };
    expect(grantsOf(claims, both, half, item, inherited).map(({ projects }) => projects[0]?.name)).toEqual([
      "media",
      "item",
    ]);
    expect(grantsOf(claims, half)).toEqual([]);
  });

  it.each<[pattern: string, claims: Record<string, unknown>, projects: readonly string[] | null]>([
    ["media", {}, ["media"]],
    ["media-*", {}, ["media- …"]],
    ["*", {}, [" …"]],
    ["{/tenant}", { tenant: "acme" }, ["acme"]],
    ["{/tenant}-*", { tenant: "acme" }, ["acme- …"]],
    ["{/tenant}", { tenant: "*" }, ["*"]],
    ["{/tenant}", { tenant: "acme*" }, ["acme*"]],
    ["{/tenant}*", { tenant: "*" }, ["* …"]],
    ["x-{/tenant}", { tenant: "{/sub}", sub: "me" }, ["x-{/sub}"]],
    ["{/tenant}", { tenant: ["a", "b*"] }, ["a", "b*"]],
    ["{/a}-{/b}-*", { a: ["1", "2"], b: ["x", "y"] }, ["1-x- …", "1-y- …", "2-x- …", "2-y- …"]],
    ["{/tenant}-*", {}, null],
    ["{/tenant}-*", { tenant: "" }, null],
    ["{/tenant}-*", { tenant: null }, null],
    ["{/tenant}-*", { tenant: 5 }, null],
    ["{/tenant}-*", { tenant: true }, null],
    ["{/tenant}-*", { tenant: {} }, null],
    ["{/tenant}-*", { tenant: [] }, null],
    ["{/tenant}-*", { tenant: ["a", ""] }, null],
    ["{/tenant}-*", { tenant: ["a", 5] }, null],
    ["{/tenant}-*", { tenant: "\ud800" }, null],
    ["{/a}{/b}", { a: Array(100).fill("a"), b: Array(100).fill("b") }, null],
  ])("makes of %j and %j the projects %j", (pattern, claims, projects) => {
    expect(projectsOf(pattern, claims)).toEqual(projects);
  });

  it("does not match when one of its patterns has no claim", () => {
    expect(grantsOf({}, { ...READ, projects: ["media", "{/tenant}"] })).toEqual([]);
  });

  it.each<[claims: Record<string, unknown>, owner: string | null]>([
    [{ sub: "ann" }, "ann"],
    [{}, null],
    [{ sub: "" }, null],
    [{ sub: ["ann"] }, null],
    [{ sub: 5 }, null],
  ])("is for the own tasks of %j: %j", (claims, owner) => {
    const byTag = grantsOf(claims, { ...READ, own: { tag: "owner", equals: "/sub" } });
    const byUserData = grantsOf(claims, { ...READ, own: { userData: "/ownerId", equals: "/sub" } });
    expect(byTag.map(({ own }) => own)).toEqual(owner === null ? [] : [{ tag: "owner", equals: owner }]);
    expect(byUserData.map(({ own }) => own)).toEqual(owner === null ? [] : [{ userData: "/ownerId", equals: owner }]);
  });
});

describe("a grant without claims", () => {
  it("has the owner as it is written, and the allowance of all unless it has its own", () => {
    const all = { callsPerMinute: 600, burst: 200 };
    const few = { callsPerMinute: 6, burst: 2 };
    expect(
      toGrants(
        [
          { projects: ["a*"], allow: ["read"], own: { tag: "owner", equals: "/sub" } },
          { projects: ["b"], taskTypes: ["OfficeConversion"], allow: ["create"], allowance: few },
        ],
        all,
      ),
    ).toEqual([
      {
        projects: [{ name: "a", isPrefix: true }],
        allow: ["read"],
        own: { tag: "owner", equals: "/sub" },
        allowance: all,
      },
      {
        projects: [{ name: "b", isPrefix: false }],
        taskTypes: ["OfficeConversion"],
        allow: ["create"],
        allowance: few,
      },
    ]);
  });
});

describe("Authorization", () => {
  it.each(["Bearer abc", "bearer abc", "BEARER  a.b-c_d~e+f/g=="])("may be %j", (authorization) => {
    expect(readBearer(authorization)).toBe(authorization.split(/ +/)[1]);
  });

  it("may be left out", () => {
    expect(readBearer(undefined)).toBeUndefined();
  });

  it.each([
    "",
    "Bearer",
    "Bearer ",
    "abc",
    "Basic YTpi",
    "Bearer a b",
    "Bearer a,b",
    "Bearer é",
    `Bearer ${"a".repeat(16_384)}`,
  ])("may not be %j", (authorization) => {
    expect(() => readBearer(authorization)).toThrow(UnauthenticatedError);
  });
});
