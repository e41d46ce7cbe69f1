// Gives tokens to two people: what a login does in an app of its own, but for asking them for a password.

import { once } from "node:events";
import { createServer } from "node:http";
import { env } from "node:process";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

const PEOPLE = new Map([
  ["ada", { name: "Ada", tenant: "acme" }],
  ["grace", { name: "Grace", tenant: "globex" }],
]);

const lifetimeSeconds = Number(env.TOKEN_SECONDS ?? 300);

const ALGORITHM = "ES256";
const { privateKey, publicKey } = await generateKeyPair(ALGORITHM);
const key = { ...(await exportJWK(publicKey)), kid: String(Date.now()), alg: ALGORITHM };

async function respond({ url }, response) {
  const body = await answer(url);
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  response.writeHead(body === undefined ? 404 : 200, headers);
  response.end(JSON.stringify(body ?? {}));
}

const server = createServer((request, response) => void respond(request, response));
server.listen(Number(env.ISSUER_PORT ?? 4001), "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}/`;
console.log(`The issuer gives tokens at ${issuer}`);

/** A token of a person, and for how many seconds from now it is believed. */
async function issue(id, { tenant }) {
  const token = await new SignJWT({ tenant })
    .setProtectedHeader({ alg: ALGORITHM, kid: key.kid })
    .setIssuer(issuer)
    .setAudience("imm-graphql")
    .setSubject(id)
    .setExpirationTime(`${lifetimeSeconds} seconds`)
    .sign(privateKey);
  return { token, lifetimeSeconds };
}

async function answer(path) {
  if (path === "/jwks.json") return { keys: [key] };
  if (path === "/people") return [...PEOPLE].map(([id, person]) => ({ id, ...person }));
  const [, id] = /^\/people\/(\w+)\/token$/.exec(path) ?? [];
  const person = PEOPLE.get(id);
  return person && issue(id, person);
}
