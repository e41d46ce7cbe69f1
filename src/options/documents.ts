/** Which documents are executed, and how large what clients send may be. */

import { integer, text, toggle, type Section } from "./row.js";

export const documents = {
  title: "Documents and requests",
  gateway: {
    onlyPersistedOperations: toggle({
      default: false,
      effect: "execute nothing but the documents of the manifest, by any transport",
    }),
    maxAutomaticQueryBytes: integer({
      min: 0,
      max: 1_000_000_000,
      default: 0,
      effect:
        "bytes of documents that clients may register (automatic persisted queries), the least recently used go first; 0 turns that off",
    }),
    maxRequestBytes: integer({
      min: 1_024,
      max: 100_000_000,
      default: 262_144,
      effect: "bytes of an HTTP body (beyond: status 413) or a WebSocket message (beyond: close code 1009)",
    }),
    maxSocketOperations: integer({
      min: 1,
      max: 1_000_000,
      default: 1_000,
      effect: "operations at once on one WebSocket; further ones fail with RATE_LIMITED",
    }),
    maxSocketBufferBytes: integer({
      min: 65_536,
      max: 1_000_000_000,
      default: 8_388_608,
      effect:
        "bytes of operations (beyond: RATE_LIMITED) and of unread answers (beyond: close code 1013) that one WebSocket may hold",
    }),
    compileQueries: toggle({
      default: true,
      effect:
        "compile queries that come often, whose answers then take a fraction of the CPU; what would be answered otherwise is never compiled, nor is one with a directive or with a text written in it: give texts by variables",
    }),
    maxQueryTokens: integer({
      min: 10,
      max: 1_000_000,
      default: 3_000,
      effect: "lexical tokens of a GraphQL document",
    }),
    maxDocumentCacheBytes: integer({
      min: 1_024,
      max: 1_000_000_000,
      default: 16_777_216,
      effect:
        "bytes of parsed and validated documents kept in memory, besides those of the manifest; the least recently used go first",
    }),
    maxOperationCost: integer({
      min: 10,
      max: 10_000_000,
      default: 20_000,
      effect:
        "selected fields of an operation, those below a list argument or `first` counted once per item; `progress`, `eventId` and `result` count 10 more under each further name",
    }),
    maxResponseBytes: integer({
      min: 65_536,
      max: 1_000_000_000,
      default: 16_777_216,
      effect:
        "bytes of an answer, or of an event of a subscription; a larger one is BAD_USER_INPUT, of a mutation what is small stays",
    }),
  },
  command: {
    persistedOperations: text({
      placeholder: "<file>",
      default: undefined,
      fallback: "none",
      effect: "a manifest of documents that clients may name by id: Apollo's, or an object of documents by id",
    }),
  },
} satisfies Section;
