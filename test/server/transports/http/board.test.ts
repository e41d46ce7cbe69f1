import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "@jest/globals";
import fastify from "fastify";
import { registerBoard } from "../../../../src/server/transports/http/board.js";
import { askRaw } from "../../../support/raw-http.js";
import { disposeAfterTest, startGateway } from "../../../support/start-gateway.js";
import { digestOf, TOKEN } from "../../../support/test-token.js";

const access = {
  tokens: [{ name: "t", sha256: digestOf(TOKEN), grants: [{ projects: ["immtest"], allow: ["read"] }] }],
} as const;

/** Where an app serves what was built into a folder. */
async function serveFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
  disposeAfterTest(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "assets"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const app = fastify({ forceCloseConnections: true });
  disposeAfterTest(async () => app.close());
  registerBoard(app, pathToFileURL(`${folder}/`));
  return app.listen({ host: "127.0.0.1", port: 0 });
}

describe("the board", () => {
  it("is a page that needs no token, runs nothing but its own files and is asked for again each time", async () => {
    const { url } = await startGateway({ gateway: { explorer: false, board: true, access } });
    const page = await fetch(`${url}/board`);
    expect(page.status).toBe(200);
    expect(Object.fromEntries(page.headers)).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
    });
    const policy = page.headers.get("content-security-policy")?.split("; ");
    expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "script-src 'self'", "connect-src 'self'"]));
    expect(String(policy)).not.toContain("unsafe");
    expect(await page.text()).toMatch(/<h1>The board is not built|src="\/board\/assets\//);
    const etag = page.headers.get("etag") ?? "";
    expect((await fetch(`${url}/board`, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await fetch(`${url}/board/`)).url).toBe(`${url}/board`);
    // GraphiQL is another page, which this gateway has not.
    expect((await fetch(`${url}/graphiql`)).status).toBe(404);
  });

  it("takes GET and HEAD, and has nothing below it but its own files", async () => {
    const { url } = await startGateway();
    const head = await fetch(`${url}/board`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const posted = await fetch(`${url}/board`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    for (const path of [
      "index.html",
      "assets/",
      "assets/other.js",
      "assets/..%2findex.html",
      "assets/../../src/cli.js",
    ]) {
      const { status } = await askRaw(url, [`GET /board/${path} HTTP/1.1`, "Host: localhost"]);
      expect([path, status]).toEqual([path, 404]);
    }
  });

  it("is off where neither it nor the explorers are on, where it is turned off, and beside a prefix of the root fields", async () => {
    for (const options of [
      { explorer: false },
      { explorer: true, board: false },
      { explorer: true, federation: true, federationPrefix: "hangzhou" },
    ]) {
      const { url } = await startGateway({ gateway: options });
      expect((await fetch(`${url}/board`)).status).toBe(404);
    }
  });

  it("brings its files with their types, to be kept for good, packed for a client that takes it", async () => {
    const url = await serveFolder({ "index.html": "<p>page", "assets/a-1.js": "code()", "assets/a-2.css": "a {}" });
    const [page, script, style] = [
      await fetch(`${url}/board`),
      await fetch(`${url}/board/assets/a-1.js`, { headers: { "accept-encoding": "gzip" } }),
      await fetch(`${url}/board/assets/a-2.css`, { headers: { "accept-encoding": "identity" } }),
    ];
    expect([await page.text(), await script.text(), await style.text()]).toEqual(["<p>page", "code()", "a {}"]);
    const forGood = { "cache-control": "public, max-age=31536000, immutable", vary: "accept-encoding, origin" };
    expect(Object.fromEntries(script.headers)).toMatchObject({
      ...forGood,
      "content-type": "text/javascript; charset=utf-8",
      "content-encoding": "gzip",
    });
    expect(Object.fromEntries(style.headers)).toMatchObject({ ...forGood, "content-type": "text/css; charset=utf-8" });
    expect(style.headers.get("content-encoding")).toBeNull();
  });

  it("says in a clone which command builds it", async () => {
    const page = await fetch(`${await serveFolder({})}/board`);
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(await page.text()).toContain("npm run build:react");
  });
});
