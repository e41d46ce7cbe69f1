/** What the gateway shows, to which pages, and what it starts. */

import { hosts, LOCAL_ORIGINS, namePrefix, oneOf, origins, text, toggle, type Section } from "./row.js";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export const serving = {
  title: "What is served, and to whom",
  gateway: {
    explorer: toggle({
      default: false,
      development: true,
      fallback: "true, unless NODE_ENV=production or ONLY_PERSISTED_OPERATIONS=true",
      effect: "Apollo Sandbox at /graphql, GraphiQL at /graphiql, introspection",
    }),
    board: toggle({
      default: undefined,
      fallback: "what EXPLORER is, but false with FEDERATION_PREFIX",
      effect: "the board at /board: a page that shows what runs, what failed and why, and starts tasks",
    }),
    corsOrigins: origins({
      default: undefined,
      development: [LOCAL_ORIGINS],
      production: [],
      fallback: "localhost, or none if NODE_ENV=production",
      effect: "which web pages may use the gateway, over HTTP and WebSocket",
    }),
    allowedHosts: hosts({
      default: undefined,
      fallback: "localhost, 127.0.0.1 and [::1] while HOST is a loopback address, else every name",
      effect:
        "the names, as the Host of a request has them, under which clients may ask; else status 403. On a loopback address also those of this machine. Set it where a proxy on this machine passes the Host on. `*` takes every name, and so gives up the defence against DNS rebinding",
    }),
    readOnly: toggle({
      default: false,
      effect: "refuse the mutations, which start tasks and cost money, with FORBIDDEN and without a call",
    }),
    redactDefinitions: toggle({
      default: true,
      effect: "replace passwords and role names in request definitions",
    }),
    federation: toggle({ default: false, effect: "serve the schema as a subgraph of Apollo Federation 2" }),
    federationPrefix: namePrefix({
      default: undefined,
      fallback: "none: one gateway in a supergraph",
      effect:
        "with FEDERATION=true, what the root fields of the subgraph begin with (`hangzhou`: `hangzhouTask`), so that a supergraph can have a gateway for each region",
    }),
    reportCalls: toggle({
      default: false,
      effect:
        "say in extensions.imm of every answer what it cost; else where the header imm-extensions: true asks for it",
    }),
  },
  command: {
    logLevel: oneOf(LOG_LEVELS, {
      placeholder: "<level>",
      default: "info",
      effect: "the least severe log line that is written, as JSON, to standard error",
    }),
    nodeEnv: text({
      default: "development",
      effect: "production turns the explorers and the made-up data off unless they are asked for",
    }),
  },
} satisfies Section;
