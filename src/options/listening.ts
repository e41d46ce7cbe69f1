/** Where the gateway listens, and how it stops. */

import { integer, text, type Section } from "./row.js";

const HOUR_MS = 3_600_000;

export const listening = {
  title: "Listening and stopping",
  gateway: {
    port: integer({ min: 0, max: 65_535, default: 4_000, effect: "the port; 0 takes a free one" }),
    host: text({
      default: "127.0.0.1",
      effect: "the address to listen on; 0.0.0.0 for all. One that other machines reach needs ACCESS_FILE",
    }),
    requestTimeoutMs: integer({
      min: 100,
      max: HOUR_MS,
      default: 30_000,
      effect: "how long a client may take to send an HTTP request, its body included; then status 408",
    }),
    drainDelayMs: integer({
      min: 0,
      max: HOUR_MS,
      default: 0,
      production: 5_000,
      effect: "how long everything is still served when the gateway is to stop, while /readyz answers 503 already",
    }),
    shutdownTimeoutMs: integer({
      min: 0,
      max: HOUR_MS,
      default: 10_000,
      effect: "how long running requests may take when the gateway stops; then they are cut",
    }),
  },
  command: {},
} satisfies Section;
