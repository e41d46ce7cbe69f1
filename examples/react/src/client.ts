import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import type { GraphQLCodegenDataMasking } from "@apollo/client/masking";
import { OperationTypeNode } from "graphql";
import { createClient as createSocket } from "graphql-ws";

declare module "@apollo/client" {
  // A component sees the fields that it asks for itself, and no others: in types as in data.
  interface TypeOverrides extends GraphQLCodegenDataMasking.TypeOverrides {}
}

/**
 * A client that shows a token with all it asks.
 *
 * @param getToken - one that is still believed for a while.
 */
export function createClient(getToken: () => Promise<string>): { client: ApolloClient; close: () => void } {
  const getAuthorization = async () => `Bearer ${await getToken()}`;
  const socket = createSocket({
    url: "/graphql",
    // Asked for each connection: when a token expires, the gateway closes the socket, and the client comes again with a fresh one.
    connectionParams: async () => ({ authorization: await getAuthorization() }),
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
  const authorize = new SetContextLink(async ({ headers }) => ({
    headers: { ...headers, authorization: await getAuthorization() },
  }));
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      authorize.concat(new HttpLink({ uri: "/graphql" })),
    ),
    // One entry per task, by its `id`: whatever tells of a task updates every component that shows it.
    cache: new InMemoryCache({ possibleTypes: { Node: ["Task"] } }),
    dataMasking: true,
  });
  const close = () => {
    client.stop();
    void socket.dispose();
  };
  return { client, close };
}
