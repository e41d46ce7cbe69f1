/**
 * Apollo Sandbox, the landing page of /graphql in development: what a GET by a browser shows. It loads from Apollo's network.
 * It runs the scripts that are its own, and no others: its policy has their digests. Loaded when it is first shown.
 */

import { ApolloServer, HeaderMap } from "@apollo/server";
import { ApolloServerPluginLandingPageLocalDefault } from "@apollo/server/plugin/landingPage/default";
import type { FastifyReply, FastifyRequest } from "fastify";
import { GraphQLBoolean, GraphQLObjectType, GraphQLSchema } from "graphql";
import type { Logger } from "../../../log.js";
import { contentSecurityPolicy } from "../security-headers.js";
import { toApolloLogger, withoutDefaults } from "./apollo-defaults.js";
import type { ExampleOperations } from "./example-operations.js";
import { answersFresh, etagOf, HTML_TYPE, digestOf } from "./pages.js";

/** The hosts that Apollo's page loads from; its own policy, which is in the page, has them too. */
const APOLLO_ASSETS = "https://apollo-server-landing-page.cdn.apollographql.com";
const APOLLO_SANDBOX = "https://embeddable-sandbox.cdn.apollographql.com";

/** In the place of the schema: the page asks the gateway for that. */
const NO_SCHEMA = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { unused: { type: GraphQLBoolean } } }),
});

/** The page. Made once: one of its own for each request would be no page that a browser can keep. */
export class Sandbox {
  readonly #html: string;
  readonly #etag: string;
  readonly #policy: string;

  private constructor(html: string) {
    this.#html = html;
    this.#etag = etagOf(html);
    this.#policy = contentSecurityPolicy({
      "script-src": [...digestsOf(html, "script"), APOLLO_SANDBOX],
      "style-src": [...digestsOf(html, "style"), "https://fonts.googleapis.com"],
      "font-src": ["https://fonts.gstatic.com"],
      "img-src": [APOLLO_ASSETS],
      "manifest-src": [APOLLO_ASSETS],
      // The frame shows, and this page asks for it.
      "frame-src": ["https://sandbox.embed.apollographql.com"],
      "connect-src": ["'self'"],
    });
  }

  /** Has Apollo Server render its landing page. */
  static async render(example: ExampleOperations, logger: Logger): Promise<Sandbox> {
    const landingPage = ApolloServerPluginLandingPageLocalDefault({
      // The schema stays as it is while a gateway runs, and one who has not signed in would be refused again and again.
      embed: { runTelemetry: false, initialState: { pollForSchemaUpdates: false } },
      footer: false,
      document: `${example.query}\n\n${example.subscription}`,
    });
    const server = new ApolloServer({
      schema: NO_SCHEMA,
      plugins: withoutDefaults([landingPage]),
      stopOnTerminationSignals: false,
      logger: toApolloLogger(logger),
    });
    await server.start();
    try {
      const headers = new HeaderMap([["accept", "text/html"]]);
      const { body } = await server.executeHTTPGraphQLRequest({
        httpGraphQLRequest: { method: "GET", headers, search: "", body: undefined },
        context: async () => ({}),
      });
      if (body.kind !== "complete") throw new Error("Expected Apollo's landing page to be one text.");
      return new Sandbox(body.string);
    } finally {
      await server.stop();
    }
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
  return texts.filter((text) => text !== "").map((text) => `'sha256-${digestOf(text, "base64")}'`);
}
