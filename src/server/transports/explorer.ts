/**
 * The two explorers of development: Apollo Sandbox as the landing page of /graphql, which loads from Apollo's network,
 * and GraphiQL at /graphiql, which needs none and whose subscriptions use the same WebSocket as everybody's.
 */

import type { ApolloServerPlugin } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import { ApolloServerPluginLandingPageLocalDefault } from "@apollo/server/plugin/landingPage/default";
import type { FastifyInstance } from "fastify";
import type { GatewayContext } from "../../schema/context.js";

export const GRAPHIQL_PATH = "/graphiql";

/** Where to begin, in both explorers. */
export interface ExampleOperations {
  readonly query: string;
  readonly subscription: string;
}

/** What a GET of /graphql by a browser shows. */
export function createLandingPage(isOn: boolean, example: ExampleOperations): ApolloServerPlugin<GatewayContext> {
  if (!isOn) return ApolloServerPluginLandingPageDisabled();
  return ApolloServerPluginLandingPageLocalDefault({
    embed: { runTelemetry: false },
    footer: false,
    document: example.query,
  });
}

/** Serves GraphiQL. */
export function registerGraphiQL(app: FastifyInstance, graphqlPath: string, example: ExampleOperations): void {
  let page: Promise<string> | undefined;
  app.get(GRAPHIQL_PATH, async (_request, reply) => {
    page ??= renderPage(graphqlPath, example);
    return reply.type("text/html; charset=utf-8").send(await page);
  });
}

/** The whole of GraphiQL in one page of several megabytes, so it is loaded only when somebody asks for it. */
async function renderPage(graphqlPath: string, example: ExampleOperations): Promise<string> {
  const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
  return renderGraphiQL({
    title: "imm-graphql",
    endpoint: graphqlPath,
    subscriptionsProtocol: "WS",
    defaultTabs: [{ query: example.query }, { query: example.subscription }],
    // An empty icon, so that the page asks for nothing but its data.
    favicon: "data:,",
  });
}
