import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import type { GraphQLCodegenDataMasking } from "@apollo/client/masking";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";

declare module "@apollo/client" {
  // A component sees the fields that it asks for itself, and no others: in types as in data.
  interface TypeOverrides extends GraphQLCodegenDataMasking.TypeOverrides {}
}

const socket = createClient({
  url: "/graphql",
  // Left to itself the client gives up at the first connection that is refused, and waits longer without end.
  shouldRetry: () => true,
  retryAttempts: Infinity,
  retryWait: async (retries) => {
    const seconds = Math.min(2 ** retries, 10) * (0.5 + Math.random());
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  },
  on: {
    // A new subscription tells of what runs now; what ended while the connection was gone, only the list knows.
    connected: (_socket, _payload, wasRetry) => {
      if (wasRetry) void client.refetchQueries({ include: "active" });
    },
  },
});

export const client = new ApolloClient({
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: "/graphql" }),
  ),
  // One entry per task, by its `id`: whatever tells of a task updates every component that shows it.
  cache: new InMemoryCache({ possibleTypes: { Node: ["Task"] } }),
  dataMasking: true,
});
