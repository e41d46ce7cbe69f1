import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { exportSPKI, importJWK, SignJWT, UnsecuredJWT, type CryptoKey } from "jose";
import type { ClaimGrantConfig } from "../../../src/access/config/access-config.js";
import type { ManualClock } from "../../support/manual-clock.js";
import { manualClockNow } from "../../support/start-gateway.js";
import { startAccess, type StartedAccess } from "../../support/start-access.js";
import { newKey, TestIssuer } from "../../support/test-issuer.js";
import { NOBODY } from "../../support/nobody.js";
import { eventually } from "../../support/eventually.js";

const ANN = "https://login.example.com/ ann";
const GRANTS: readonly ClaimGrantConfig[] = [{ projects: ["{/tenant}-*"], allow: ["read"] }];
const HOUR_MS = 3_600_000;

async function start(
  more: Parameters<TestIssuer["config"]>[1] = {},
): Promise<StartedAccess & { readonly issuer: TestIssuer }> {
  const clock = manualClockNow();
  const issuer = await TestIssuer.start(() => clock.now());
  const started = startAccess({ issuers: [issuer.config(GRANTS, more)] }, clock);
  await haveBeenFetched(clock);
  return { ...started, issuer };
}

/** Waits until the keys are there, or are not to be had: then the next fetch is planned. */
async function haveBeenFetched(clock: ManualClock): Promise<void> {
  await eventually(() => clock.pendingTimers === 1);
}

function encode(json: object): string {
  return Buffer.from(JSON.stringify(json)).toString("base64url");
}

type Forge = (issuer: TestIssuer) => Promise<string>;

/** A token as it should be, taken apart. */
async function piecesOf(issuer: TestIssuer): Promise<[string, string, string]> {
  return (await issuer.token()).split(".") as [string, string, string];
}

describe("a JSON Web Token", () => {
  it("names its caller by issuer and subject, grants by its claims, and expires with the tolerance", async () => {
    const { access, issuer } = await start({ clockToleranceMs: 30_000 });
    const exp = issuer.secondsFromNow(60);
    const authorization = `Bearer ${await issuer.token({ tenant: "acme", exp, aud: ["other", "imm-graphql"] })}`;
    expect(await access.authenticate({ ...NOBODY, authorization })).toEqual({
      caller: ANN,
      expiresAt: exp * 1_000 + 30_000,
      grants: [{ projects: [{ name: "acme-", isPrefix: true }], allow: ["read"] }],
    });
  });

  it.each<[what: string, forge: Forge, reason: string]>([
    ["has expired", async (issuer) => issuer.token({ exp: issuer.secondsFromNow(-1) }), "The token has expired."],
    ["expires never", async (issuer) => issuer.token({ exp: undefined }), "The token does not say when it expires."],
    ["expires at a text", async (issuer) => issuer.token({ exp: "2099" }), "The token does not say when it expires."],
    ["begins later", async (issuer) => issuer.token({ nbf: issuer.secondsFromNow(60) }), "The token is not valid yet."],
    [
      "names no caller",
      async (issuer) => issuer.token({ sub: undefined }),
      "The token does not say who its caller is.",
    ],
    ["has an empty caller", async (issuer) => issuer.token({ sub: "" }), "The token does not say who its caller is."],
    [
      "has half a character as caller",
      async (issuer) => issuer.token({ sub: "a\ud800" }),
      "The token does not say who its caller is.",
    ],
    ["is for another audience", async (issuer) => issuer.token({ aud: "other" }), "The token is for another audience."],
    ["is for no audience", async (issuer) => issuer.token({ aud: undefined }), "The token is for another audience."],
    [
      "is of another issuer",
      async (issuer) => issuer.token({ iss: "https://evil.example/" }),
      "The token is of an issuer that is not let in.",
    ],
    [
      "is of no issuer",
      async (issuer) => issuer.token({ iss: undefined }),
      "The token is of an issuer that is not let in.",
    ],
    [
      "is of an issuer that is no text",
      async (issuer) => issuer.token({ iss: ["https://login.example.com/"] }),
      "The token is of an issuer that is not let in.",
    ],
    [
      "was tampered with",
      async (issuer) => {
        const [head, , signature] = await piecesOf(issuer);
        const claims = {
          iss: "https://login.example.com/",
          aud: "imm-graphql",
          sub: "admin",
          exp: issuer.secondsFromNow(60),
        };
        return `${head}.${encode(claims)}.${signature}`;
      },
      "The signature of the token does not fit.",
    ],
    [
      "has lost its signature",
      async (issuer) => (await piecesOf(issuer)).slice(0, 2).join(".") + ".",
      "The signature of the token does not fit.",
    ],
    [
      "says alg: none",
      async (issuer) =>
        new UnsecuredJWT({ sub: "ann", aud: "imm-graphql" })
          .setIssuer("https://login.example.com/")
          .setExpirationTime(issuer.secondsFromNow(60))
          .encode(),
      "The token is signed by an algorithm that is not let in.",
    ],
    [
      "says alg: none beside a signature",
      async (issuer) => {
        const [, claims, signature] = await piecesOf(issuer);
        return `${encode({ alg: "none" })}.${claims}.${signature}`;
      },
      "The token is signed by an algorithm that is not let in.",
    ],
    [
      "is signed by HS256 with the public key",
      async (issuer) => {
        const key = (await importJWK(issuer.key.publicJwk, "ES256", { extractable: true })) as CryptoKey;
        const [, claims] = await piecesOf(issuer);
        const signed = `${encode({ alg: "HS256", kid: issuer.key.kid })}.${claims}`;
        return `${signed}.${createHmac("sha256", await exportSPKI(key))
          .update(signed)
          .digest("base64url")}`;
      },
      "The token is signed by an algorithm that is not let in.",
    ],
    [
      "brings its key along",
      async (issuer) => {
        const { privateKey, publicJwk } = await newKey("evil");
        return new SignJWT({
          sub: "ann",
          iss: "https://login.example.com/",
          aud: "imm-graphql",
          exp: issuer.secondsFromNow(60),
        })
          .setProtectedHeader({ alg: "ES256", jwk: publicJwk, jku: issuer.url })
          .sign(privateKey);
      },
      "The signature of the token does not fit.",
    ],
    [
      "is signed by a key of the same name",
      async (issuer) => issuer.token({}, await newKey("first")),
      "The signature of the token does not fit.",
    ],
    [
      "has an unknown kid",
      async (issuer) => issuer.token({}, await newKey("evil")),
      "The token is signed with a key that its issuer does not have.",
    ],
    ["is no token", async () => "hunter2", "The token is none that this gateway knows."],
    ["is three words", async () => "hunter2.hunter2.hunter2", "The token is none that this gateway knows."],
  ])("is refused when it %s, in words that hold nothing of it", async (_what, forge, reason) => {
    const { issuer, whoHas, logger } = await start();
    expect(await whoHas(await issuer.token())).toBe(ANN);
    expect(await whoHas(await forge(issuer))).toBe(`UnauthenticatedError: ${reason}`);
    expect(logger.lines).toEqual([]);
  });

  it("is verified once, and believed until it expires by our clock", async () => {
    const { access, issuer, clock, whoHas } = await start();
    const token = await issuer.token({ exp: issuer.secondsFromNow(60) });
    const credentials = { ...NOBODY, authorization: `Bearer ${token}` };
    const first = await access.authenticate(credentials);
    expect(await access.authenticate(credentials)).toBe(first);
    await clock.advance(59_000);
    expect(await whoHas(token)).toBe(ANN);
    await clock.advance(1_000);
    expect(await whoHas(token)).toBe("UnauthenticatedError: The token has expired.");
  });

  it("may be signed by any of several keys without a name", async () => {
    const { issuer, whoHas } = await start();
    const { privateKey, publicJwk } = await newKey("second");
    const nameless = [issuer.key.publicJwk, publicJwk].map(({ kid: _kid, ...jwk }) => jwk);
    const { whoHas: whoHasInline } = startAccess({
      issuers: [issuer.config(GRANTS, { jwks: { keys: nameless as never } })],
    });
    const sign = async (key: CryptoKey): Promise<string> =>
      new SignJWT({ sub: "ann", iss: "https://login.example.com/", aud: "imm-graphql", exp: issuer.secondsFromNow(60) })
        .setProtectedHeader({ alg: "ES256" })
        .sign(key);
    expect(await whoHasInline(await sign(privateKey))).toBe(ANN);
    expect(await whoHasInline(await sign(issuer.key.privateKey))).toBe(ANN);
    expect(await whoHasInline(await sign((await newKey("third")).privateKey))).toMatch("signature");
    expect(await whoHas(await sign(privateKey))).toMatch("signature");
  });
});

describe("the keys of an issuer", () => {
  it("stay in use while their server is away for an hour, which is asked a few times", async () => {
    const { issuer, clock, whoHas, logger } = await start();
    issuer.fault = { status: 500, body: "hunter2" };
    for (let minutes = 0; minutes < 60; minutes += 5) {
      const { fetches } = issuer;
      await clock.advance(HOUR_MS / 12);
      expect(await whoHas(await issuer.token({ minutes, exp: issuer.secondsFromNow(60) }))).toBe(ANN);
      await eventually(() => issuer.fetches > fetches);
      await haveBeenFetched(clock);
    }
    expect(issuer.fetches).toBe(13);
    expect(logger.lines).toHaveLength(12);
    expect(JSON.parse(logger.lines[0] ?? "")).toEqual({
      level: "warn",
      message: "The keys of an issuer could not be fetched; the last ones stay in use.",
      issuer: "https://login.example.com/",
      reason: "the answer has the status 500",
    });
  });

  it("are given up when they are too old", async () => {
    const clock = manualClockNow();
    const issuer = await TestIssuer.start(() => clock.now());
    const jwks = { url: issuer.url, refreshMs: 86_400_000, staleForMs: 90_000 };
    const { whoHas, logger } = startAccess({ issuers: [issuer.config(GRANTS, { jwks })] }, clock);
    expect(await whoHas(await issuer.token({ n: 1 }))).toBe(ANN);
    issuer.fault = { status: 503 };
    await clock.advance(90_000);
    expect(await whoHas(await issuer.token({ n: 2 }))).toBe(ANN);
    await clock.advance(1);
    const none = "UnauthenticatedError: The keys of the token's issuer cannot be had now.";
    for (const n of [3, 4]) expect(await whoHas(await issuer.token({ n }))).toBe(none);
    expect(issuer.fetches).toBe(2);
    expect(logger.lines).toHaveLength(1);
    issuer.fault = undefined;
    await clock.advance(30_000);
    expect(await whoHas(await issuer.token({ n: 5 }))).toBe(ANN);
  });

  it("are fetched again for a rotated one, and not for a thousand unknown ones", async () => {
    const { issuer, clock, whoHas } = await start();
    expect(await whoHas(await issuer.token())).toBe(ANN);
    await issuer.rotate("second");
    const fresh = await Promise.all([1, 2, 3].map(async (n) => whoHas(await issuer.token({ n }))));
    expect(fresh).toEqual([ANN, ANN, ANN]);
    expect(issuer.fetches).toBe(2);
    const evil = await newKey("x");
    const flood = Array.from({ length: 1_000 }, async (_, n) =>
      whoHas(await issuer.token({ n }, { ...evil, kid: `x${n}` })),
    );
    const answers = new Set(await Promise.all(flood));
    expect(answers).toEqual(
      new Set(["UnauthenticatedError: The token is signed with a key that its issuer does not have."]),
    );
    expect(issuer.fetches).toBe(2);
    await clock.advance(30_000);
    expect(await whoHas(await issuer.token({}, evil))).toMatch("does not have");
    expect(issuer.fetches).toBe(3);
    expect(await whoHas(await issuer.token({ after: "the flood" }))).toBe(ANN);
  });

  it("that are taken away let in no token that they had signed, also where it was let in before", async () => {
    const { issuer, clock, whoHas } = await start();
    const [token, old] = [await issuer.token(), issuer.key.publicJwk];
    expect(await whoHas(token)).toBe(ANN);
    await issuer.rotate("second");
    issuer.published = [...issuer.published, old];
    const refresh = async (): Promise<void> => {
      await clock.advance(300_000);
      await eventually(() => clock.pendingTimers === 1);
    };
    await refresh();
    expect(await whoHas(token)).toBe(ANN);
    issuer.published = [issuer.key.publicJwk];
    await refresh();
    expect(await whoHas(token)).toMatch("does not have");
    expect(await whoHas(await issuer.token())).toBe(ANN);
  });

  it.each<[what: string, status: number, body: string, reason: string]>([
    ["a page", 200, "<html>", "the answer is no JSON"],
    ["nothing", 200, "{}", "the answer has no public keys"],
    ["a secret", 200, '{"keys":[{"kty":"oct","k":"AA"},null,5]}', "the answer has no public keys"],
    ["a private key", 200, '{"keys":[{"kty":"EC","d":"AA"}]}', "the answer has no public keys"],
    ["too much", 200, `{"keys":["${"a".repeat(600_000)}"]}`, "the answer has more than 524288 bytes"],
    ["a redirect", 302, "", "the answer has the status 302"],
  ])("are not taken from %s, and are asked for again", async (_what, status, body, reason) => {
    const clock = manualClockNow();
    const issuer = await TestIssuer.start(() => clock.now());
    issuer.fault = { status, body };
    const { whoHas, logger } = startAccess({ issuers: [issuer.config(GRANTS)] }, clock);
    await eventually(() => logger.lines.length === 1);
    expect(logger.lines[0]).toContain(reason);
    expect(logger.lines[0]).toContain("until they are, none of its tokens is let in");
    expect(await whoHas(await issuer.token())).toBe(
      "UnauthenticatedError: The keys of the token's issuer cannot be had now.",
    );
    const { fetches } = issuer;
    issuer.fault = undefined;
    await clock.advance(30_000);
    await eventually(() => issuer.fetches > fetches);
    await haveBeenFetched(clock);
    expect(await whoHas(await issuer.token())).toBe(ANN);
  });
});

describe("a configuration that changes", () => {
  it("renews callers by what was verified of them, and lets them in no more when theirs is gone", async () => {
    const { issuer, access, change, whoHas } = await start();
    const token = await issuer.token({ tenant: "acme" });
    const before = await access.authenticate({ ...NOBODY, authorization: `Bearer ${token}` });
    expect(access.renew(before)).toBe(before);
    let changes = 0;
    const unlisten = access.onChange(() => (changes += 1));
    change({ issuers: [issuer.config([{ projects: ["{/tenant}"], allow: ["read", "create"] }])] });
    expect(access.renew(before)).toEqual({
      ...before,
      grants: [{ projects: [{ name: "acme", isPrefix: false }], allow: ["read", "create"] }],
    });
    // The same keys, which are configured alike.
    expect(await whoHas(token)).toBe(ANN);
    expect(issuer.fetches).toBe(1);
    for (const more of [
      { audiences: ["other"] },
      { algorithms: ["RS256"] },
      { caller: "/tenant" },
      { issuer: "other" },
    ]) {
      change({ issuers: [issuer.config(GRANTS, more)] });
      expect([more, access.renew(before)]).toEqual([more, undefined]);
    }
    change({ issuers: [issuer.config(GRANTS)] });
    expect(access.renew(before)).toEqual(before);
    expect(changes).toBe(6);
    unlisten();
    change({ anonymous: { grants: [] } });
    expect(access.renew(before)).toBeUndefined();
    expect(changes).toBe(6);
    expect(await whoHas(token)).toBe("UnauthenticatedError: The token is none that this gateway knows.");
  });
});

describe("a token of which the digest is configured", () => {
  const sha256 = createHash("sha256").update("imm_secret").digest("hex");
  const grants = [{ projects: ["media"], allow: ["read"] }] as const;

  it("is its caller's name, until it expires", async () => {
    const { clock, whoHas, access, change } = startAccess({
      tokens: [
        { name: "other", sha256: "a".repeat(64), grants },
        { name: "ci", sha256: sha256.toUpperCase(), expiresAt: new Date(Date.now() + 60_000).toISOString(), grants },
      ],
    });
    expect(await whoHas("imm_secret")).toBe("token:ci");
    expect(await whoHas("imm_secreT")).toBe("UnauthenticatedError: The token is none that this gateway knows.");
    expect(await whoHas(sha256)).toBe("UnauthenticatedError: The token is none that this gateway knows.");
    expect(await whoHas(undefined)).toMatch("Expected a token");
    const before = await access.authenticate({ ...NOBODY, authorization: "bearer imm_secret" });
    change({ tokens: [{ name: "ci", sha256, grants }] });
    expect(access.renew(before)).toMatchObject({ caller: "token:ci", expiresAt: undefined });
    change({ tokens: [{ name: "renamed", sha256, grants }] });
    expect(access.renew(before)).toBeUndefined();
    change({ tokens: [{ name: "ci", sha256, expiresAt: new Date(clock.now()), grants }] });
    expect(access.renew(before)).toBeUndefined();
    expect(await whoHas("imm_secret")).toBe("UnauthenticatedError: The token has expired.");
  });

  it("is asked of all unless those without one are let in; a wrong one is refused all the same", async () => {
    const { whoHas, access, change } = startAccess({ anonymous: { grants } });
    expect(await whoHas(undefined)).toBe("anonymous");
    expect(await whoHas("imm_secret")).toMatch("UnauthenticatedError");
    const before = await access.authenticate(NOBODY);
    change({ anonymous: { grants: [] } });
    expect(access.renew(before)).toEqual({ caller: "anonymous", grants: [] });
    change({ tokens: [{ name: "ci", sha256, grants }] });
    expect(access.renew(before)).toBeUndefined();
  });
});
