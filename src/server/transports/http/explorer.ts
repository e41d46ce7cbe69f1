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
import { ApolloServerPluginLandingPageLocalDefault } from "@apollo/server/plugin/landingPage/default";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import { ConfigurationError } from "../../../errors.js";
import type { PreparedContext } from "./apollo.js";
import { JSON_TYPE } from "../refusal.js";
import type { ExampleOperations } from "./example-operations.js";

export const GRAPHIQL_PATH = "/graphiql";
const HTML = "text/html";
const HTML_TYPE = `${HTML}; charset=utf-8`;

/** Whether a request is a browser's that is to show something, and not a client's. */
export function prefersPage({ method, headers: { accept } }: FastifyRequest): boolean {
  const types = [JSON_TYPE, "application/graphql-response+json", "multipart/mixed", HTML];
  // Without a header a client takes the first.
  return method === "GET" && new Negotiator({ headers: { accept } }).mediaType(types) === HTML;
}

/** Apollo Sandbox: what a GET of /graphql by a browser shows. */
export class Sandbox {
  /** Renders the page as Apollo starts. Once: a page of its own for each request would be no page that a browser can keep. */
  readonly plugin: ApolloServerPlugin<PreparedContext>;
  #html = "";
  #etag = "";

  constructor(example: ExampleOperations) {
    const ofApollo = ApolloServerPluginLandingPageLocalDefault({
      embed: { runTelemetry: false },
      footer: false,
      document: `${example.query}\n\n${example.subscription}`,
    });
    this.plugin = {
      serverWillStart: async (service) => {
        const page = await (await ofApollo.serverWillStart?.(service))?.renderLandingPage?.();
        this.#html = typeof page?.html === "function" ? await page.html() : (page?.html ?? "");
        this.#etag = etagOf(this.#html);
      },
    };
  }

  send(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (answersFresh(request, reply, this.#etag, "accept, origin")) return reply;
    return reply.type(HTML_TYPE).send(this.#html);
  }
}

function etagOf(page: string | Buffer): string {
  return `W/"${createHash("sha256").update(page).digest("base64url")}"`;
}

/**
 * Says how a page may be kept: it is asked for again each time, since the next version of the gateway has another; the same
 * one costs no bytes. True when the client has it, and has been answered.
 */
function answersFresh({ headers }: FastifyRequest, reply: FastifyReply, etag: string, vary: string): boolean {
  void reply.headers({ etag, "cache-control": "no-cache", vary });
  const known = headers["if-none-match"]?.trim() ?? "";
  const isFresh = known === "*" || known.includes(etag.slice("W/".length));
  if (isFresh) void reply.status(304).send();
  return isFresh;
}

interface Page {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** Read once, for all gateways of a process. */
let graphiql: Page | undefined;

/** @throws ConfigurationError - when the source was compiled, but not built. */
function readGraphiQL(): Page {
  try {
    const bytes = readFileSync(new URL("graphiql.html.gz", import.meta.url));
    return { bytes, etag: etagOf(bytes) };
  } catch {
    throw new ConfigurationError("GraphiQL has not been built: run npm run build, or turn the explorer off.");
  }
}

/** Serves GraphiQL. */
export function registerGraphiQL(app: FastifyInstance, graphqlPath: string, example: ExampleOperations): void {
  const { bytes, etag } = (graphiql ??= readGraphiQL());
  app.get(GRAPHIQL_PATH, async (request, reply) => {
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
  const script = `const graphiqlOptions = ${JSON.stringify(options)};`;
  const scriptEtag = etagOf(script);
  app.get(`${GRAPHIQL_PATH}/options.js`, async (request, reply) =>
    answersFresh(request, reply, scriptEtag, "origin")
      ? reply
      : reply.type("text/javascript; charset=utf-8").send(script),
  );
}
