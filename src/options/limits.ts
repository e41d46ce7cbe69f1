/** What one caller, one address, one document and one socket may take of the gateway, so that there is enough for others. */

import { integer, networks, type Section } from "./row.js";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MAX_COUNT = 1_000_000;

/** A bound that a program has only where it sets one, and the command by itself in production. */
const OFF = "; 0 for no limit";

export const limits = {
  title: "Limits per caller and address",
  gateway: {
    callsPerMinute: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 600,
      effect: `calls to IMM a minute that one caller may cause; an operation is charged its price before it runs, given back what it did not call, and owes what it called beyond that. Further ones fail with RATE_LIMITED. A caller who does not say who they are is an address${OFF}`,
    }),
    callBurst: integer({
      min: 1,
      max: MAX_COUNT,
      default: 200,
      effect:
        "with CALLS_PER_MINUTE: calls that one caller may cause at once after a quiet time. An operation that means more runs when none of them is spent",
    }),
    mutationsPerMinute: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 60,
      effect: `mutations a minute of one caller; further ones fail with RATE_LIMITED${OFF}`,
    }),
    maxStreamsPerCaller: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 1_000,
      effect: `subscriptions at once of one caller, over all transports; further ones fail with RATE_LIMITED${OFF}`,
    }),
    maxSocketsPerCaller: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 100,
      effect: `WebSockets at once of one caller; a further one is closed with 1013${OFF}`,
    }),
    maxSocketsPerAddress: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 200,
      effect: `WebSockets at once from one address; a further handshake is answered with status 429${OFF}`,
    }),
    requestsPerMinute: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 3_000,
      effect: `HTTP requests and WebSocket handshakes a minute from one address, probes not counted; further ones are answered with status 429${OFF}`,
    }),
    failedLoginsPerMinute: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 30,
      effect: `credentials a minute from one address that may be wrong; then none from there are looked at: status 429, or close code 1013${OFF}`,
    }),
    trustedProxies: networks({
      default: undefined,
      fallback: "none: the peer of the connection is the client",
      effect:
        "proxies whose X-Forwarded-For says which address a request comes from. Set it where a proxy stands in front, else all its clients are one address. An IPv6 address is counted by its first 64 bits",
    }),
    maxQueryDepth: integer({
      min: 0,
      max: 64,
      default: 0,
      production: 30,
      effect: `levels of selections in a document; an inline fragment is one more, a named one two, as graphql-armor counts; what is below __schema is not counted${OFF} but 64 of the brackets`,
    }),
    maxQueryAliases: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 100,
      effect: `aliases of an operation, those in a fragment once for each time that it is spread; those of __typename are not counted${OFF}`,
    }),
    maxQueryDirectives: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 50,
      effect: `directives of an operation, those in a fragment once for each time that it is spread${OFF}`,
    }),
    maxSocketMessagesPerSecond: integer({
      min: 0,
      max: MAX_COUNT,
      default: 0,
      production: 100,
      effect: `messages and pings a second that one WebSocket may send, and ten times as many at once after a quiet time; beyond it is closed with 1008${OFF}`,
    }),
    socketIdleMs: integer({
      min: 0,
      max: DAY_MS,
      default: 0,
      production: 10 * MINUTE_MS,
      effect: `how long a WebSocket may have no operation and send no message; then it is closed with 1000${OFF}`,
    }),
    maxSocketAgeMs: integer({
      min: 0,
      max: 30 * DAY_MS,
      default: 0,
      production: DAY_MS,
      effect: `how long a WebSocket may be open, up to a tenth less by chance; then it is closed with 1012, and clients come again${OFF}`,
    }),
  },
  command: {},
} satisfies Section;
