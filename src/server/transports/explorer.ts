/**
 * The two explorers of development: Apollo Sandbox as the landing page of /graphql, which loads from Apollo's network,
 * and GraphiQL at /graphiql, which needs none and whose subscriptions use the same WebSocket as those of every client.
 *
 * GraphiQL is one gzipped file, made at build and held once in memory, however many ask for it; what is this gateway's own
 * it loads.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ApolloServerPlugin } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import { ApolloServerPluginLandingPageLocalDefault } from "@apollo/server/plugin/landingPage/default";
import type { FastifyInstance } from "fastify";
import Negotiator from "negotiator";
import { ConfigurationError } from "../../errors.js";
import type { Caller } from "../operation/pipeline.js";

export const GRAPHIQL_PATH = "/graphiql";

/** Where to begin, in both explorers. */
export interface ExampleOperations {
  readonly query: string;
  readonly subscription: string;
}

/** What a GET of /graphql by a browser shows. */
export function createLandingPage(isOn: boolean, example: ExampleOperations): ApolloServerPlugin<Caller> {
  if (!isOn) return ApolloServerPluginLandingPageDisabled();
  return ApolloServerPluginLandingPageLocalDefault({
    embed: { runTelemetry: false },
    footer: false,
    document: `${example.query}\n\n${example.subscription}`,
  });
}

/** @throws ConfigurationError - when the source was compiled, but not built. */
function readPage(): Buffer {
  try {
    return readFileSync(new URL("graphiql.html.gz", import.meta.url));
  } catch {
    throw new ConfigurationError("GraphiQL has not been built: run npm run build, or turn the explorer off.");
  }
}

/** Serves GraphiQL. */
export function registerGraphiQL(app: FastifyInstance, graphqlPath: string, example: ExampleOperations): void {
  const page = readPage();
  const etag = `W/"${createHash("sha256").update(page).digest("base64url")}"`;
  app.get(GRAPHIQL_PATH, async (request, reply) => {
    // Asked for again each time, since the next version of the gateway has another; the same one costs no bytes.
    void reply.headers({ etag, "cache-control": "no-cache", vary: "accept-encoding, origin" });
    if (request.headers["if-none-match"]?.includes(etag)) return reply.status(304).send();
    void reply.type("text/html; charset=utf-8");
    const takesGzip = new Negotiator(request.raw).encoding(["gzip", "identity"]) === "gzip";
    if (takesGzip) return reply.header("content-encoding", "gzip").send(page);
    // As it is read: nothing is unpacked for a client that does not.
    return reply.send(Readable.from([page]).pipe(createGunzip()));
  });
  const options = {
    title: "imm-graphql",
    endpoint: graphqlPath,
    subscriptionsProtocol: "WS",
    defaultTabs: [{ query: example.query }, { query: example.subscription }],
    // An empty icon, so that the page asks for nothing but its data.
    favicon: "data:,",
  };
  app.get(`${GRAPHIQL_PATH}/options.js`, async (_request, reply) =>
    reply.type("text/javascript; charset=utf-8").send(`const graphiqlOptions = ${JSON.stringify(options)};`),
  );
}
