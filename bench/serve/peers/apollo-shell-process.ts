/** Apollo Server on Fastify without execution: a plugin answers with what was made at the start. */

import { ApolloServer, HeaderMap, type ApolloServerPlugin } from "@apollo/server";
import { ApolloServerPluginCacheControlDisabled } from "@apollo/server/plugin/disabled";
import { fastifyApolloHandler } from "@as-integrations/fastify";
import fastify from "fastify";
import { graphql, type ExecutionResult } from "graphql";
import { answerMeasurements } from "../../measured-process.js";
import { cases } from "../cases.js";
import { createContext, schema } from "./schema.js";

const answers = new Map<string, ExecutionResult>();
for (const { query, variables } of Object.values(cases)) {
  for (const values of variables) {
    const answer = await graphql({ schema, source: query, contextValue: createContext(), variableValues: values });
    answers.set(nameOf(query, values), answer);
  }
}

/** The document, and the task where it asks for one. */
function nameOf(query: string, variables: Readonly<Record<string, unknown>>): string {
  const { key } = variables as { readonly key?: { readonly taskId: string } };
  return `${key?.taskId ?? ""} ${query}`;
}

const answer: ApolloServerPlugin = {
  requestDidStart: async () => ({
    responseForOperation: async ({ request: { query = "", variables = {} } }) => {
      const { data, errors } = answers.get(nameOf(query, variables)) ?? {};
      if (errors !== undefined) throw errors[0];
      const singleResult = { data: data as Record<string, unknown> };
      return { http: { headers: new HeaderMap() }, body: { kind: "single", singleResult } };
    },
  }),
};

const server = new ApolloServer({ schema, plugins: [ApolloServerPluginCacheControlDisabled(), answer] });
await server.start();
const app = fastify();
app.route({ url: "/graphql", method: ["GET", "POST"], handler: fastifyApolloHandler(server) });
answerMeasurements(await app.listen({ port: 0, host: "127.0.0.1" }));
