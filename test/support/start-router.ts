/** A Hive Gateway in front of subgraphs, over real sockets, until the test ends. */

import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";
import { composeServices as composeByTheGuild } from "@theguild/federation-composition";
import { parse, type DocumentNode } from "graphql";
import { disposeAfterTest } from "./start-gateway.js";

/** One subgraph: its schema as text, and where it is. */
export interface Subgraph {
  readonly name: string;
  readonly sdl: string;
  readonly url: string;
}

/** What the packages for composition have in common. */
type ComposeServices = (
  services: { readonly name: string; readonly url: string; readonly typeDefs: DocumentNode }[],
) => {
  readonly supergraphSdl?: string | undefined;
  readonly errors?: readonly { readonly message: string }[] | undefined;
};

/** Composes the subgraphs. Fails with what speaks against it. */
export function compose(subgraphs: readonly Subgraph[], composeServices: ComposeServices = composeByTheGuild): string {
  const { supergraphSdl, errors = [] } = composeServices(
    subgraphs.map(({ name, sdl, url }) => ({ name, url, typeDefs: parse(sdl) })),
  );
  if (supergraphSdl === undefined) throw new Error(errors.map(({ message }) => message).join("\n"));
  return supergraphSdl;
}

/** Starts it; answers where, for example `http://127.0.0.1:4000`. It follows subscriptions by WebSocket. */
export async function startRouter(supergraph: string): Promise<string> {
  const runtime = createGatewayRuntime({
    supergraph,
    logging: false,
    maskedErrors: false,
    // Says in `extensions.cost` what it takes an operation to cost, by the directives of the subgraphs.
    demandControl: { includeExtensionMetadata: true },
    // Its WebSocket would outlive the test by three seconds.
    transportEntries: { "*": { options: { subscriptions: { kind: "ws", options: { lazyCloseTimeout: 0 } } } } },
  });
  // eslint-disable-next-line typescript/no-misused-promises
  const server = createServer(runtime).listen(0, "127.0.0.1");
  await once(server, "listening");
  disposeAfterTest(async () => {
    server.closeAllConnections();
    server.close();
    await runtime[Symbol.asyncDispose]();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
