/**
 * A plugin of Apollo Server, as a program hands it to `createGateway`: only its outline, so that the types of the gateway ask no
 * one for those of Apollo.
 */

/** An `ApolloServerPlugin<ApolloContext>` of @apollo/server. */
export interface ApolloPlugin {
  readonly serverWillStart?: (service: never) => unknown;
  readonly requestDidStart?: (request: never) => unknown;
  readonly unexpectedErrorProcessingRequest?: (failure: never) => unknown;
}

/** What a plugin sees of the gateway, as `contextValue`. */
export interface ApolloContext {
  /** Who asks, as the log names him; empty where the gateway asks nobody who he is. */
  readonly caller: string;
  /** As the header `X-Request-Id` of the answer has it. */
  readonly requestId: string;
}
