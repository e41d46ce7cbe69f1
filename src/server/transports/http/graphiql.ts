/**
 * GraphiQL at /graphiql, the explorer that needs no network, and whose subscriptions use the same WebSocket as those of every
 * client.
 *
 * It is one gzipped file, made at build and held once in memory, however many ask for it; what is this gateway's own it loads.
 * It runs the scripts that are its own, and no others: its policy has their digests.
 */

import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { FastifyInstance } from "fastify";
import Negotiator from "negotiator";
import { ConfigurationError } from "../../../errors.js";
import { contentSecurityPolicy } from "../security-headers.js";
import type { ExampleOperations } from "./example-operations.js";
import { answersFresh, etagOf, HTML_TYPE } from "./pages.js";

export const GRAPHIQL_PATH = "/graphiql";

interface Page {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly policy: string;
}

/** Read once, for all gateways of a process. */
let graphiql: Page | undefined;

/** @throws ConfigurationError - when the source was compiled, but not built. */
function readGraphiQL(): Page {
  try {
    const [bytes, digest] = ["graphiql.html.gz", "graphiql.digest"].map((name) =>
      readFileSync(new URL(name, import.meta.url)),
    ) as [Buffer, Buffer];
    const policy = contentSecurityPolicy({
      "script-src": ["'self'", `'${String(digest)}'`],
      // Its editor writes its looks as it goes.
      "style-src": ["'unsafe-inline'"],
      "font-src": ["data:"],
      "img-src": ["data:"],
      "worker-src": ["blob:"],
      "connect-src": ["'self'"],
    });
    return { bytes, policy, etag: etagOf(bytes) };
  } catch {
    throw new ConfigurationError("GraphiQL has not been built: run npm run build, or turn the explorer off.");
  }
}

/**
 * A page can give a WebSocket no headers: what stands in the headers editor as `Authorization` is said in its first message.
 * The name is where GraphiQL keeps the text of that editor.
 */
const SIGN_IN = `let headers = localStorage.getItem("graphiql:headers");
const graphiqlOptions = {
  onEditHeaders: (text) => { headers = text; },
  connectionParams: () => {
    const all = Object.entries(JSON.parse(headers?.trim() || "{}"));
    const [, authorization] = all.find(([name]) => name.toLowerCase() === "authorization") ?? [];
    return authorization === undefined ? {} : { authorization };
  },
};
`;

/** Serves GraphiQL. */
export function registerGraphiQL(app: FastifyInstance, graphqlPath: string, example: ExampleOperations): void {
  const { bytes, etag, policy } = (graphiql ??= readGraphiQL());
  app.get(GRAPHIQL_PATH, async (request, reply) => {
    void reply.header("content-security-policy", policy);
    if (answersFresh(request, reply, etag, "accept-encoding, origin")) return reply;
    void reply.type(HTML_TYPE);
    const takesGzip = new Negotiator(request.raw).encoding(["gzip", "identity"]) === "gzip";
    if (takesGzip) return reply.header("content-encoding", "gzip").send(bytes);
    // As it is read: nothing is unpacked for a client that does not.
    return reply.send(Readable.from([bytes]).pipe(createGunzip()));
  });
  const options = {
    title: "imm-graphql",
    endpoint: graphqlPath,
    subscriptionsProtocol: "WS",
    defaultTabs: [{ query: example.query }, { query: example.subscription }],
    // An empty icon, so that the page asks for nothing but its data.
    favicon: "data:,",
  };
  const script = SIGN_IN + `Object.assign(graphiqlOptions, ${JSON.stringify(options)});\n`;
  const scriptEtag = etagOf(script);
  app.get(`${GRAPHIQL_PATH}/options.js`, async (request, reply) =>
    answersFresh(request, reply, scriptEtag, "origin")
      ? reply
      : reply.type("text/javascript; charset=utf-8").send(script),
  );
}
