/**
 * The board: the page at /board that shows what runs, what failed and why. It is the app of `examples/react`, which
 * `npm run build:react` makes and the package brings; all of it is static, so it is served without a token and asks for one
 * itself.
 *
 * Its files are read once and served from memory, each at a path of its own: no part of a URL ever becomes a path of a file.
 */

import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import { contentSecurityPolicy } from "../security-headers.js";
import { answersFresh, etagOf, HTML_TYPE } from "./pages.js";

export const BOARD_PATH = "/board";

/** Where the build puts it; its `index.html` loads what is in `assets/`. */
const BUILT_BOARD = new URL("../../../../board/", import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  ".html": HTML_TYPE,
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

/** The names of assets have the digest of their bytes in them. */
const FOR_GOOD = "public, max-age=31536000, immutable";

/** The page runs and looks like what it brings in files of its own, and asks this gateway alone. */
const POLICY = contentSecurityPolicy({
  "script-src": ["'self'"],
  "style-src": ["'self'"],
  "img-src": ["data:"],
  "connect-src": ["'self'"],
});

const NOT_BUILT = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <meta name="color-scheme" content="light dark" />
    <title>The board is not built</title>
  </head>
  <body>
    <h1>The board is not built</h1>
    <p>Run <code>npm run build:react</code> in the clone of the gateway, then start the gateway again.</p>
    <p>A package of it, as npm installs it, brings the board with it.</p>
  </body>
</html>
`;

const gzipped = promisify(gzip);

/** A file in memory, packed when the first client asks for it so. */
class StaticFile {
  readonly etag: string;
  readonly #type: string;
  readonly #bytes: Buffer;
  #packed: Promise<Buffer> | undefined;

  constructor(name: string, bytes: Buffer) {
    this.#type = TYPES[extname(name)] ?? "application/octet-stream";
    this.#bytes = bytes;
    this.etag = etagOf(bytes);
  }

  async send(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    void reply.type(this.#type);
    if (new Negotiator(request.raw).encoding(["gzip", "identity"]) !== "gzip") return reply.send(this.#bytes);
    this.#packed ??= gzipped(this.#bytes);
    return reply.header("content-encoding", "gzip").send(await this.#packed);
  }
}

/** What the page is, and what it loads by their names. */
interface Board {
  readonly page: StaticFile;
  readonly assets: ReadonlyMap<string, StaticFile>;
}

/** Read once, for all gateways of a process. */
const boards = new Map<string, Board>();

function readBoard(folder: URL): Board {
  const read = (name: string): readonly [string, StaticFile] => [
    name,
    new StaticFile(name, readFileSync(new URL(name, folder))),
  ];
  try {
    const [, page] = read("index.html");
    return { page, assets: new Map(readdirSync(new URL("assets/", folder)).map((name) => read(`assets/${name}`))) };
  } catch {
    return { page: new StaticFile("index.html", Buffer.from(NOT_BUILT)), assets: new Map() };
  }
}

/**
 * Serves the board, or, where it is not built, a page that says how to build it.
 *
 * @param folder - where it was built; it ends in a slash.
 */
export function registerBoard(app: FastifyInstance, folder: URL = BUILT_BOARD): void {
  const { page, assets } = boards.get(folder.href) ?? readBoard(folder);
  boards.set(folder.href, { page, assets });
  app.get(BOARD_PATH, async (request, reply) => {
    void reply.header("content-security-policy", POLICY);
    return answersFresh(request, reply, page.etag, "accept-encoding, origin") ? reply : page.send(request, reply);
  });
  app.get(`${BOARD_PATH}/`, async (_request, reply) => reply.redirect(BOARD_PATH));
  for (const [name, asset] of assets) {
    app.get(`${BOARD_PATH}/${name}`, async (request, reply) => {
      void reply.headers({ "cache-control": FOR_GOOD, vary: "accept-encoding, origin" });
      return asset.send(request, reply);
    });
  }
}
