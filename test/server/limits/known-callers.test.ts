/** Limits where callers say who they are: shares are theirs wherever they ask from, and wrong credentials are counted by address. */

import { describe, expect, it } from "@jest/globals";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { AccessConfig } from "../../../src/access/config/access-config.js";
import type { GatewayOptions } from "../../../src/server/gateway.js";
import { sendBySocket, transports } from "../../support/every-transport.js";
import { keyArguments } from "../../support/query.js";
import { RawSocket } from "../../support/raw-socket.js";
import { startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { actionsOf } from "../../support/start-reader.js";
import { RUN } from "../../support/tasks.js";
import { digestOf } from "../../support/test-token.js";

const grant = { projects: ["*"], allow: ["read" as const] };

/** Ana has the share of all, Ben and Cleo have one that their grants name. */
const ACCESS: AccessConfig = {
  tokens: [
    { name: "ana", sha256: digestOf("ana"), grants: [grant] },
    { name: "ben", sha256: digestOf("ben"), grants: [{ ...grant, allowance: { callsPerMinute: 60, burst: 4 } }] },
    {
      name: "cleo",
      sha256: digestOf("cleo"),
      grants: [grant, { ...grant, allowance: { callsPerMinute: 120, burst: 3 } }],
    },
  ],
  anonymous: { grants: [grant] },
  allowance: { callsPerMinute: 60, burst: 1 },
};

type Headers = Readonly<Record<string, string>>;

function as(token: string | undefined, host = 1): Headers {
  return { "x-forwarded-for": `198.51.100.${host}`, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
}

async function start(gateway: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  const running = await startGateway({ gateway: { access: ACCESS, trustedProxies: ["loopback"], ...gateway } });
  for (const taskId of ["a", "b", "c", "d", "e"]) running.emulator.addTask({ ...RUN, taskId, durationMs: Infinity });
  return running;
}

function read(...taskIds: readonly string[]): string {
  const fields = taskIds.map((taskId) => `${taskId}: task(${keyArguments({ ...RUN, taskId })}) { taskId }`);
  return JSON.stringify({ query: `{ ${fields.join(" ")} }` });
}

const LIMITED = { errors: [{ extensions: { code: "RATE_LIMITED" } }] };

describe.each(Object.entries(transports))("a share of calls, over transport %s", (_letter, send) => {
  it("is a caller's own, from whatever address, and as large as its grants say", async () => {
    const { url } = await start();
    expect(await send(url, read("a", "b", "c"), as("cleo", 1))).toMatchObject({ errors: [] });
    expect(await send(url, read("d", "e"), as("cleo", 1))).toMatchObject({
      errors: [{ extensions: { code: "RATE_LIMITED", retryAfterMs: 1_000 } }],
    });
    // The same address, other callers.
    expect(await send(url, read("d"), as("ana", 1))).toMatchObject({ errors: [] });
    expect(await send(url, read("e"), as("ana", 2))).toMatchObject(LIMITED);
    expect(await send(url, read("e"), as("ben", 1))).toMatchObject({ errors: [] });
  });

  it("is not filled by another token of the same caller, whose share is another one", async () => {
    const { privateKey, publicKey } = await generateKeyPair("ES256");
    const issuer = {
      issuer: "https://login.example.com/",
      audiences: ["imm-graphql"],
      algorithms: ["ES256"],
      jwks: { keys: [{ ...(await exportJWK(publicKey)), kty: "EC" }] },
      grants: [
        { ...grant, when: { "/scope": "all" }, allowance: { callsPerMinute: 60, burst: 3 } },
        { ...grant, when: { "/scope": "some" }, allowance: { callsPerMinute: 6, burst: 1 } },
      ],
    };
    const [all = "", some = ""] = await Promise.all(
      ["all", "some"].map(async (scope) =>
        new SignJWT({ iss: issuer.issuer, aud: "imm-graphql", sub: "dora", scope })
          .setProtectedHeader({ alg: "ES256" })
          .setExpirationTime("1h")
          .sign(privateKey),
      ),
    );
    const { url } = await start({ access: { issuers: [issuer] } });
    expect(await send(url, read("a", "b", "c"), as(all))).toMatchObject({ errors: [] });
    expect(await send(url, read("d"), as(some))).toMatchObject({ errors: [] });
    expect(await send(url, read("e"), as(some))).toMatchObject(LIMITED);
    expect(await send(url, read("e"), as(all))).toMatchObject(LIMITED);
  });

  it("of those who show nothing is each address's own", async () => {
    const { url } = await start();
    expect(await send(url, read("a"), as(undefined, 1))).toMatchObject({ errors: [] });
    expect(await send(url, read("b"), as(undefined, 1))).toMatchObject(LIMITED);
    expect(await send(url, read("b"), as(undefined, 2))).toMatchObject({ errors: [] });
    expect(await send(url, read("c"), as("ana", 1))).toMatchObject({ errors: [] });
  });
});

describe("a share of calls", () => {
  it("is charged with the pages that held nothing for the caller", async () => {
    const own = { ...grant, own: { userData: "/ownerId", equals: "eve" }, allowance: { callsPerMinute: 60, burst: 1 } };
    const { url, clock, emulator } = await start({
      access: { tokens: [{ name: "eve", sha256: digestOf("eve"), grants: [own] }] },
    });
    for (let count = 0; count < 250; count += 1) emulator.addTask({ ...RUN, taskId: `other${count}`, durationMs: 1 });
    const list = JSON.stringify({ query: '{ tasks(projectName: "immtest", first: 1) { nodes { taskId } } }' });
    const ask = async (): Promise<unknown> => transports.P(url, list, as("eve"));
    expect(await ask()).toMatchObject({ errors: [] });
    expect(emulator.calls).toHaveLength(3);
    await clock.advance(2_000);
    expect(await ask()).toMatchObject({ errors: [{ extensions: { code: "RATE_LIMITED", retryAfterMs: 1_000 } }] });
    await clock.advance(1_000);
    expect(await ask()).toMatchObject({ errors: [] });
  });

  it("is one over all transports", async () => {
    const { url } = await start();
    const sends = Object.values(transports);
    expect(await transports.W(url, read("a", "b", "c", "d"), as("ben"))).toMatchObject({ errors: [] });
    for (const send of sends) expect(await send(url, read("e"), as("ben"))).toMatchObject(LIMITED);
  });

  it("is that of the settings where neither grants nor rules have one", async () => {
    const { allowance: _allowance, ...access } = ACCESS;
    const { url } = await start({ access, callsPerMinute: 60, callBurst: 2 });
    expect(await transports.P(url, read("a", "b"), as("ana"))).toMatchObject({ errors: [] });
    expect(await transports.P(url, read("c"), as("ana"))).toMatchObject(LIMITED);
  });
});

describe("failed logins a minute", () => {
  it.each(["P", "S", "M"] as const)("are counted by address over transport %s", async (letter) => {
    const { url, emulator, clock, logger } = await start({ failedLoginsPerMinute: 2 });
    const send = transports[letter];
    const attempt = async (token: string | undefined, host: number): Promise<unknown> =>
      send(url, read("a"), as(token, host));
    const WRONG = { status: 401, errors: [{ extensions: { code: "UNAUTHENTICATED" } }] };
    for (const guess of ["1", "2"]) expect(await attempt(guess, 1)).toMatchObject(WRONG);
    const before = logger.lines.length;
    const BLOCKED = { status: 429, errors: [{ extensions: { code: "RATE_LIMITED", retryAfterMs: 30_000 } }] };
    for (const guess of ["3", "ana"]) expect(await attempt(guess, 1)).toMatchObject(BLOCKED);
    expect(logger.lines).toHaveLength(before);
    expect(actionsOf(emulator)).toEqual([]);
    // Others from elsewhere, and from there who try nothing.
    expect(await attempt("ana", 2)).toMatchObject({ errors: [] });
    expect(await attempt(undefined, 1)).toMatchObject({ errors: [] });
    await clock.advance(30_000);
    expect(await attempt("ana", 1)).toMatchObject({ errors: [] });
  });

  it("are counted over WebSocket, which then closes with a code after which clients come again", async () => {
    const { url, clock } = await start({ failedLoginsPerMinute: 2 });
    const greet = async (token: string, host: number): Promise<number> => {
      const socket = await RawSocket.openSilently(url, as(undefined, host));
      socket.send({ type: "connection_init", payload: { authorization: `Bearer ${token}` } });
      return socket.closed;
    };
    const open = await RawSocket.open(url, { authorization: "Bearer ben" }, as(undefined, 1));
    for (const guess of ["1", "2"]) expect(await greet(guess, 1)).toBe(4_401);
    for (const guess of ["3", "ana"]) expect(await greet(guess, 1)).toBe(1_013);
    // Who was let in before stays, and others from elsewhere come in.
    expect(await sendBySocket(open, read("a"))).toMatchObject({ errors: [] });
    await RawSocket.open(url, { authorization: "Bearer ana" }, as(undefined, 2));
    await clock.advance(30_000);
    await RawSocket.open(url, { authorization: "Bearer ana" }, as(undefined, 1));
  });
});

describe("sockets at once of one caller", () => {
  it("are counted wherever it asks from, and are not those of others at its address", async () => {
    const { url } = await start({ maxSocketsPerCaller: 1 });
    const ana = { authorization: "Bearer ana" };
    await RawSocket.open(url, ana, as(undefined, 1));
    const second = await RawSocket.openSilently(url, as(undefined, 2));
    second.send({ type: "connection_init", payload: ana });
    expect(await second.closed).toBe(1_013);
    await RawSocket.open(url, { authorization: "Bearer ben" }, as(undefined, 1));
  });
});
