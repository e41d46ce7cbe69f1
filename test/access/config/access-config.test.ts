import { describe, expect, it } from "@jest/globals";
import { parseAccessConfig, parseIdentity } from "../../../src/access/config/access-config.js";
import { ConfigurationError } from "../../../src/errors.js";

const SHA = "a".repeat(64);
const grant = { projects: ["media-*"], allow: ["read"] };
const issuer = {
  issuer: "https://login.example.com/",
  audiences: ["imm-graphql"],
  algorithms: ["RS256"],
  jwks: { url: "https://login.example.com/jwks.json" },
  grants: [grant],
};
const token = { name: "ci", sha256: SHA, grants: [grant] };

describe("an access configuration", () => {
  it("may have everything", () => {
    const whole = {
      issuers: [
        {
          ...issuer,
          jwks: { ...issuer.jwks, refreshMs: 300_000, staleForMs: 86_400_000 },
          clockToleranceMs: 0,
          caller: "/https:~1~1example.com~1id",
          grants: [
            { when: { "/roles": "admin" }, ...grant, own: { tag: "owner", equals: "/sub" } },
            { ...grant, projects: ["{/tenant}-*", "{/a/b}"], own: { userData: "/ownerId", equals: "/sub" } },
            { ...grant, taskTypes: ["OfficeConversion"], allowance: { callsPerMinute: 1, burst: 1 } },
          ],
        },
        {
          ...issuer,
          issuer: "other",
          jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x: "AA" }] },
          algorithms: ["EdDSA"],
        },
      ],
      tokens: [{ ...token, expiresAt: "2027-01-01T00:00:00Z" }],
      anonymous: { grants: [] },
      allowance: { callsPerMinute: 600, burst: 200 },
    };
    expect(parseAccessConfig(whole, "access")).toEqual(whole);
  });

  it.each<[what: string, given: unknown, sentence: string]>([
    ["nothing", null, "expected an object, got null."],
    [
      "an object without a prototype",
      { tokens: Object.create(null) },
      "tokens: expected a list of tokens, got an object.",
    ],
    ["nothing in it", {}, "expected issuers, tokens or anonymous: else no caller may ask, got an object."],
    ["a member that there is not", { isuers: [] }, "isuers: there is no such member."],
    ["such a member below", { tokens: [{ ...token, token: "hunter2" }] }, "tokens[0].token: there is no such member."],
    [
      "a member that is missing",
      { tokens: [{ name: "ci", sha256: SHA }] },
      "tokens[0].grants: expected to be given, got nothing.",
    ],
    [
      "projects that are no list",
      { issuers: [{ ...issuer, grants: [grant, { ...grant, projects: "hunter" }] }] },
      "issuers[0].grants[1].projects: expected a list of one or more projects, got `hunter` (string).",
    ],
    [
      "no projects",
      { anonymous: { grants: [{ ...grant, projects: [] }] } },
      "anonymous.grants[0].projects: expected a list of one or more projects, got an empty list.",
    ],
    [
      "a wildcard in the middle",
      { anonymous: { grants: [{ ...grant, projects: ["a*b"] }] } },
      "anonymous.grants[0].projects[0]: expected a project, or a prefix with * at its end, got `a*b` (string).",
    ],
    [
      "a claim where there are none",
      { tokens: [{ ...token, grants: [{ ...grant, projects: ["{/tenant}"] }] }] },
      "tokens[0].grants[0].projects[0]: expected a project, or a prefix with * at its end, got `{/tenant}` (string).",
    ],
    [
      "a pattern that is none",
      { issuers: [{ ...issuer, grants: [{ ...grant, projects: ["{tenant}"] }] }] },
      "issuers[0].grants[0].projects[0]: expected a project, or a prefix with * at its end, with claims such as {/tenant}, got `{tenant}` (string).",
    ],
    [
      "a right that there is not",
      { anonymous: { grants: [{ ...grant, allow: ["write"] }] } },
      "anonymous.grants[0].allow[0]: expected one of read, create, definitions, secrets, got `write` (string).",
    ],
    [
      "a pointer that is none",
      { issuers: [{ ...issuer, caller: "sub" }] },
      "issuers[0].caller: expected a JSON pointer such as /sub, got `sub` (string).",
    ],
    [
      "a `when` that is none",
      { issuers: [{ ...issuer, grants: [{ ...grant, when: { roles: "admin" } }] }] },
      "issuers[0].grants[0].when.roles: expected a JSON pointer such as /sub, got `roles` (string).",
    ],
    [
      "a `when` of a token",
      { tokens: [{ ...token, grants: [{ ...grant, when: {} }] }] },
      "tokens[0].grants[0].when: there is no such member.",
    ],
    [
      "both kinds of owner",
      { tokens: [{ ...token, grants: [{ ...grant, own: { tag: "a", userData: "/a", equals: "b" } }] }] },
      "tokens[0].grants[0].own: expected one of tag and userData, got an object.",
    ],
    [
      "a secret in common",
      { issuers: [{ ...issuer, algorithms: ["HS256"] }] },
      "issuers[0].algorithms[0]: expected one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519 (with a shared secret, or without a signature, all that can check a token can make one), got `HS256` (string).",
    ],
    ["no signature", { issuers: [{ ...issuer, algorithms: ["none"] }] }, "got `none` (string)."],
    [
      "no algorithms",
      { issuers: [{ ...issuer, algorithms: [] }] },
      "issuers[0].algorithms: expected a list of one or more algorithms, got an empty list.",
    ],
    [
      "no audiences",
      { issuers: [{ ...issuer, audiences: [] }] },
      "issuers[0].audiences: expected a list of one or more audiences, got an empty list.",
    ],
    [
      "keys that anybody on the way can replace",
      { issuers: [{ ...issuer, jwks: { url: "http://login.example.com/" } }] },
      "issuers[0].jwks.url: expected a URL of https, or of http on this machine, without a password, got `http://login.example.com/` (string).",
    ],
    [
      "keys behind a password",
      { issuers: [{ ...issuer, jwks: { url: "https://me:hunter2@login.example.com/" } }] },
      "issuers[0].jwks.url: expected a URL of https, or of http on this machine, without a password, got a string.",
    ],
    [
      "no keys",
      { issuers: [{ ...issuer, jwks: {} }] },
      "issuers[0].jwks: expected one of url and keys, got an object.",
    ],
    [
      "a private key",
      { issuers: [{ ...issuer, jwks: { keys: [{ kty: "RSA", d: "hunter2" }] } }] },
      "issuers[0].jwks.keys[0]: expected a public key, nothing of a private one, got an object.",
    ],
    [
      "a secret key",
      { issuers: [{ ...issuer, jwks: { keys: [{ kty: "oct", k: "hunter2" }] } }] },
      "issuers[0].jwks.keys[0].kty: expected RSA, EC or OKP, got a string.",
    ],
    [
      "a refresh of inline keys",
      { issuers: [{ ...issuer, jwks: { keys: [{ kty: "RSA" }], refreshMs: 1_000 } }] },
      "issuers[0].jwks: expected refreshMs and staleForMs beside a url alone, got an object.",
    ],
    [
      "an issuer twice",
      { issuers: [issuer, issuer] },
      `issuers[1].issuer: expected each issuer once, got \`${issuer.issuer}\` (string).`,
    ],
    [
      "an issuer that could be taken for a token",
      { issuers: [{ ...issuer, issuer: "token:ci" }] },
      "issuers[0].issuer: expected what its tokens have in iss, without spaces, got `token:ci` (string).",
    ],
    [
      "a name twice",
      { tokens: [token, { ...token, sha256: "b".repeat(64) }] },
      "tokens[1].name: expected each name once, got a string.",
    ],
    [
      "a digest twice",
      { tokens: [token, { ...token, name: "b", sha256: SHA.toUpperCase() }] },
      "tokens[1].sha256: expected each sha256 once, got a string.",
    ],
    [
      "a token in the place of its digest",
      { tokens: [{ ...token, sha256: "imm_hunter2" }] },
      "tokens[0].sha256: expected a SHA-256 of 64 hexadecimal digits, which imm-graphql token prints, got a string.",
    ],
    [
      "a token in the place of its name",
      { tokens: [{ ...token, name: "imm hunter2" }] },
      "tokens[0].name: expected letters, digits and . _ - alone, got a string.",
    ],
    [
      "an instant without a zone",
      { tokens: [{ ...token, expiresAt: "2027-01-01T00:00:00" }] },
      "tokens[0].expiresAt: expected an instant with its zone, such as 2027-01-01T00:00:00Z, got `2027-01-01T00:00:00` (string).",
    ],
    [
      "an allowance of nothing",
      { anonymous: { grants: [] }, allowance: { callsPerMinute: 0, burst: 1 } },
      "allowance.callsPerMinute: expected an integer from 1 to 1000000, got `0` (number).",
    ],
  ])("is refused for %s", (_what, given, sentence) => {
    const refused = (): unknown => parseAccessConfig(given, "access.yaml");
    expect(refused).toThrow(ConfigurationError);
    expect(refused).toThrow(/^access\.yaml: [^\n]*\.$/);
    expect(refused).toThrow(sentence);
    expect(refused).not.toThrow(/hunter2/);
  });
});

describe("what a function names a caller", () => {
  it.each<[given: unknown, wrong: string]>([
    [5, ": expected an object"],
    [{ caller: "", grants: [] }, "caller: expected a text that is not empty"],
    [{ caller: "a" }, "grants: expected to be given"],
    [{ caller: "a", grants: [], expiresAt: "2027" }, "expiresAt: expected a date or milliseconds since the epoch"],
    [
      { caller: "a", grants: [], expiresAt: new Date(NaN) },
      "expiresAt: expected a date or milliseconds since the epoch",
    ],
    [{ caller: "a", grants: [{ ...grant, allow: "read" }] }, "grants[0].allow: expected a list of one or more rights"],
    [{ caller: "a", grants: [], roles: [] }, "roles: expected no such member"],
  ])("is refused without its values: %j", (given, wrong) => {
    expect(parseIdentity(given)).toEqual({ identity: null, wrong });
  });
});
