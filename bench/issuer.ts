/** An issuer of tokens for the gateway that asks its callers who they are. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { AccessConfig } from "../src/index.js";

const ISSUER = { issuer: "https://login.example.com/", audience: "imm-graphql", algorithm: "ES256" } as const;

export interface Issuer {
  /** Of its public keys. */
  readonly keysUrl: string;
  /** As a client sends it. */
  readonly authorization: string;
  close(): void;
}

/** Publishes a key on this machine, and signs one token with it. */
export async function startIssuer(): Promise<Issuer> {
  const { issuer, audience, algorithm } = ISSUER;
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  const keys = [{ ...(await exportJWK(publicKey)), kid: "bench", alg: algorithm }];
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const token = await new SignJWT({ roles: ["reader"] })
    .setProtectedHeader({ alg: algorithm, kid: "bench" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject("bench")
    .setExpirationTime("1d")
    .sign(privateKey);
  return {
    keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    authorization: `Bearer ${token}`,
    close: () => server.close(),
  };
}

/** What such a gateway is told: who may read what there is in a project, and who may do more. */
export function accessBy(keysUrl: string, project: string): AccessConfig {
  const { issuer, audience, algorithm } = ISSUER;
  return {
    issuers: [
      {
        issuer,
        audiences: [audience],
        algorithms: [algorithm],
        jwks: { url: keysUrl },
        grants: [
          { when: { "/roles": "reader" }, projects: [project], allow: ["read"] },
          { when: { "/roles": "editor" }, projects: ["*"], allow: ["read", "create", "definitions"] },
        ],
      },
    ],
    allowance: { callsPerMinute: 1_000_000, burst: 1_000_000 },
  };
}
