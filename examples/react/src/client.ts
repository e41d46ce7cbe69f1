/** Apollo Client with a token for all it asks, and one cache entry per task, by its `id`. */

import {
  ApolloClient,
  ApolloLink,
  CombinedGraphQLErrors,
  HttpLink,
  InMemoryCache,
  ServerError,
  ServerParseError,
} from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import type { Reference } from "@apollo/client";
import { OperationTypeNode } from "graphql";
import { Connection } from "./connection.ts";
import type { Login } from "./session.ts";

/** The pages of a list that are in the cache. */
interface Listed {
  readonly nodes: readonly Reference[];
  readonly pageInfo: unknown;
}

/** A client, and its connection. */
export interface BoardClient {
  readonly client: ApolloClient;
  readonly connection: Connection;
  readonly close: () => void;
}

/** @param onRefused - the gateway does not believe the token, or wants one, and there is no other. */
export function createClient({ getToken, renew }: Login, onRefused: () => void): BoardClient {
  const onDisbelief = renew ?? onRefused;
  const connection = new Connection(getToken, onDisbelief);
  const authorize = new SetContextLink(async ({ headers }) => {
    const token = await getToken();
    return token === null ? { headers } : { headers: { ...headers, authorization: `Bearer ${token}` } };
  });
  const noticeRefusals = new ErrorLink(({ error, operation, forward }) => {
    if (codeOf(error) !== "UNAUTHENTICATED") return undefined;
    onDisbelief();
    // The token expired on its way: once more with a fresh one.
    const { isSecondTry } = operation.getContext();
    if (renew === undefined || isSecondTry) return undefined;
    operation.setContext({ isSecondTry: true });
    return forward(operation);
  });
  const client = new ApolloClient({
    link: noticeRefusals.concat(
      ApolloLink.split(
        ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
        new GraphQLWsLink(connection.socket),
        authorize.concat(new HttpLink({ uri: "/graphql" })),
      ),
    ),
    cache: new InMemoryCache({
      possibleTypes: { Node: ["Task"] },
      typePolicies: {
        Query: {
          fields: {
            tasks: {
              keyArgs: ["projectName", "filter", "orderBy"],
              // The next page follows the ones before; a list that is read anew begins anew.
              merge: (known: Listed | undefined, page: Listed, { args }) =>
                args?.["after"] && known ? { ...page, nodes: unite(known.nodes, page.nodes) } : page,
            },
          },
        },
        TaskViewer: { merge: true },
      },
    }),
  });
  const close = () => {
    client.stop();
    void connection.close();
  };
  return { client, connection, close };
}

/** Both, each task once. */
export function unite(known: readonly Reference[], more: readonly Reference[]): readonly Reference[] {
  const ids = new Set(known.map(({ __ref }) => __ref));
  return [...known, ...more.filter(({ __ref }) => !ids.has(__ref))];
}

/** The gateway's code of an error, for example NOT_FOUND; undefined where it did not answer. */
export function codeOf(error: unknown): string | undefined {
  if (!CombinedGraphQLErrors.is(error)) return undefined;
  const code: unknown = error.errors[0]?.extensions?.["code"];
  return typeof code === "string" ? code : undefined;
}

/** Whether it is no answer of the gateway's: it comes from the network, or from a proxy before it. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof TypeError || ServerError.is(error) || ServerParseError.is(error);
}
