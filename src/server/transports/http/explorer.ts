/**
 * The two explorers of development: Apollo Sandbox as the landing page of /graphql, which loads from Apollo's network,
 * and GraphiQL at /graphiql, which needs none and whose subscriptions use the same WebSocket as those of every client.
 *
 * GraphiQL is one gzipped file, made at build and held once in memory, however many ask for it; what is this gateway's own
 * it loads. Each page runs the scripts that are its own, and no others: its policy has their digests.
 */

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
import { contentSecurityPolicy } from "../security-headers.js";
import type { ExampleOperations } from "./example-operations.js";
import { answersFresh, etagOf, HTML, HTML_TYPE, sha256 } from "./pages.js";

export const GRAPHIQL_PATH = "/graphiql";

/** Whether a request is a browser's that is to show something, and not a client's. */
export function prefersPage({ method, headers: { accept } }: FastifyRequest): boolean {
  const types = [JSON_TYPE, "application/graphql-response+json", "multipart/mixed", HTML];
  // Without a header a client takes the first.
  return method === "GET" && new Negotiator({ headers: { accept } }).mediaType(types) === HTML;
}

/** The hosts that Apollo's page loads from; its own policy, which is in the page, has them too. */
const APOLLO_ASSETS = "https://apollo-server-landing-page.cdn.apollographql.com";
const APOLLO_SANDBOX = "https://embeddable-sandbox.cdn.apollographql.com";

/** Apollo Sandbox: what a GET of /graphql by a browser shows. */
export class Sandbox {
  /** Renders the page as Apollo starts. Once: a page of its own for each request would be no page that a browser can keep. */
  readonly plugin: ApolloServerPlugin<PreparedContext>;
  #html = "";
  #etag = "";
  #policy = "";

  constructor(example: ExampleOperations) {
    const ofApollo = ApolloServerPluginLandingPageLocalDefault({
      // The schema stays as it is while a gateway runs, and one who has not signed in would be refused again and again.
      embed: { runTelemetry: false, initialState: { pollForSchemaUpdates: false } },
      footer: false,
      document: `${example.query}\n\n${example.subscription}`,
    });
    this.plugin = {
      serverWillStart: async (service) => {
        const page = await (await ofApollo.serverWillStart?.(service))?.renderLandingPage?.();
        this.#html = typeof page?.html === "function" ? await page.html() : (page?.html ?? "");
        this.#etag = etagOf(this.#html);
        this.#policy = contentSecurityPolicy({
          "script-src": [...digestsOf(this.#html, "script"), APOLLO_SANDBOX],
          "style-src": [...digestsOf(this.#html, "style"), "https://fonts.googleapis.com"],
          "font-src": ["https://fonts.gstatic.com"],
          "img-src": [APOLLO_ASSETS],
          "manifest-src": [APOLLO_ASSETS],
          // The frame shows, and this page asks for it.
          "frame-src": ["https://sandbox.embed.apollographql.com"],
          "connect-src": ["'self'"],
        });
      },
    };
  }

  send(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    void reply.headers({
      "content-security-policy": this.#policy,
      // It signs in at Apollo in a window of its own.
      "cross-origin-opener-policy": "same-origin-allow-popups",
    });
    if (answersFresh(request, reply, this.#etag, "accept, origin")) return reply;
    return reply.type(HTML_TYPE).send(this.#html);
  }
}

/** What a policy lets a page run, or look like, of what stands in it. */
function digestsOf(html: string, tag: "script" | "style"): readonly string[] {
  const texts = [...html.matchAll(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, "gs"))].map(([, text = ""]) => text);
  return texts.filter((text) => text !== "").map((text) => `'sha256-${sha256(text, "base64")}'`);
}

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
