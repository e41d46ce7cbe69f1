/** An issuer of tokens for the gateway that asks its callers who they are. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** What such a gateway is told of it. */
export const ISSUER = { issuer: "https://login.example.com/", audience: "imm-graphql", algorithm: "ES256" };

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
