import { describe, expect, it } from "@jest/globals";
import type { ClaimGrantConfig, PublicKeyConfig } from "../../../src/access/config/access-config.js";
import { eventually } from "../../support/eventually.js";
import { NOBODY } from "../../support/nobody.js";
import { startAccess, type StartedAccess } from "../../support/start-access.js";
import { manualClockNow } from "../../support/start-gateway.js";
import { newKey, TestIssuer, type TestKey } from "../../support/test-issuer.js";

const ANN = "https://login.example.com/ ann";
const GRANTS: readonly ClaimGrantConfig[] = [{ projects: ["media"], allow: ["read"] }];
const REFRESH_MS = 300_000;

async function start(): Promise<StartedAccess & { readonly issuer: TestIssuer }> {
  const clock = manualClockNow();
  const issuer = await TestIssuer.start(() => clock.now());
  const started = startAccess({ issuers: [issuer.config(GRANTS)] }, clock);
  // The next fetch is planned.
  await eventually(() => clock.pendingTimers === 1);
  return { ...started, issuer };
}

describe("a key that its issuer has no more", () => {
  it("lets in nothing that it has signed, though that was verified before, and leaves callers of other keys alone", async () => {
    const { issuer, clock, access, whoHas } = await start();
    const [old, next] = [issuer.key, await newKey("second")];
    issuer.published = [old.publicJwk, next.publicJwk];
    await clock.advance(REFRESH_MS);
    await eventually(() => issuer.fetches === 2);
    await eventually(() => clock.pendingTimers === 1);
    const tokens = await Promise.all([old, next].map(async (key) => issuer.token({}, key)));
    const callers = await Promise.all(
      tokens.map(async (token) => access.authenticate({ ...NOBODY, authorization: `Bearer ${token}` })),
    );
    let changes = 0;
    access.onChange(() => (changes += 1));
    issuer.published = [next.publicJwk];
    await clock.advance(REFRESH_MS);
    await eventually(() => changes === 1);
    expect(callers.map((caller) => access.renew(caller)?.caller)).toEqual([undefined, ANN]);
    expect(await Promise.all(tokens.map(whoHas))).toEqual([
      "UnauthenticatedError: The token is signed with a key that its issuer does not have.",
      ANN,
    ]);
  });

  it("is not missed before it is known which keys there are", async () => {
    const { issuer, access, change } = await start();
    const authorization = `Bearer ${await issuer.token()}`;
    const before = await access.authenticate({ ...NOBODY, authorization });
    let changes = 0;
    access.onChange(() => (changes += 1));
    await issuer.rotate("second");
    change({ issuers: [issuer.config(GRANTS, { jwks: { url: `${issuer.url}?moved` } })] });
    expect(access.renew(before)?.caller).toBe(ANN);
    await eventually(() => changes === 2);
    expect(access.renew(before)).toBeUndefined();
  });

  it("is missed at once where the configuration has the keys", async () => {
    const { issuer, access, change } = await start();
    const before = await access.authenticate({ ...NOBODY, authorization: `Bearer ${await issuer.token()}` });
    const isKept = (key: TestKey): boolean => {
      change({ issuers: [issuer.config(GRANTS, { jwks: { keys: [key.publicJwk as PublicKeyConfig] } })] });
      return access.renew(before) !== undefined;
    };
    expect([isKept(issuer.key), isKept(await newKey("second"))]).toEqual([true, false]);
  });
});
