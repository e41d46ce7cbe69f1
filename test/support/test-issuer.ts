/** An issuer of JSON Web Tokens whose key server is a real one, on this machine, that counts what is fetched. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";
import type { ClaimGrantConfig, IssuerConfig } from "../../src/access/config/access-config.js";
import { disposeAfterTest } from "./start-gateway.js";

const ISSUER = "https://login.example.com/";
const AUDIENCE = "imm-graphql";

export interface TestKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export class TestIssuer {
  readonly url: string;
  /** How often the keys were asked for, with an answer or without. */
  fetches = 0;
  /** What is published. */
  published: readonly JWK[];
  /** What is answered instead of the keys. */
  fault: { readonly status: number; readonly body?: string } | undefined;
  /** What signs. */
  key: TestKey;
  readonly #nowMs: () => number;

  private constructor(url: string, key: TestKey, nowMs: () => number) {
    this.url = url;
    this.key = key;
    this.published = [key.publicJwk];
    this.#nowMs = nowMs;
  }

  /** @param now - for the instants in tokens. */
  static async start(now: () => number): Promise<TestIssuer> {
    const server = createServer((_request, response) => {
      issuer.fetches += 1;
      const { status, body = "" } = issuer.fault ?? { status: 200, body: JSON.stringify({ keys: issuer.published }) };
      response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    disposeAfterTest(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    const issuer = new TestIssuer(url, await newKey("first"), now);
    return issuer;
  }

  /** Signs by a new key from now on, which is the only one that is published. */
  async rotate(kid: string): Promise<void> {
    this.key = await newKey(kid);
    this.published = [this.key.publicJwk];
  }

  config(grants: readonly ClaimGrantConfig[], more: Partial<IssuerConfig> = {}): IssuerConfig {
    return {
      issuer: ISSUER,
      audiences: [AUDIENCE],
      algorithms: ["ES256"],
      jwks: { url: this.url },
      clockToleranceMs: 0,
      grants,
      ...more,
    };
  }

  /** A token of `sub` that lives for an hour, unless the claims say otherwise; undefined leaves one out. */
  async token(claims: Readonly<Record<string, unknown>> = {}, key: TestKey = this.key): Promise<string> {
    const all = { iss: ISSUER, aud: AUDIENCE, sub: "ann", exp: this.secondsFromNow(3_600), ...claims };
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return new SignJWT(given).setProtectedHeader({ alg: "ES256", kid: key.kid }).sign(key.privateKey);
  }

  secondsFromNow(seconds: number): number {
    return Math.floor(this.#nowMs() / 1_000) + seconds;
  }
}

export async function newKey(kid: string): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" } };
}
