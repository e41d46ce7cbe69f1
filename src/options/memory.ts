/** What is kept in memory, and for how long it may answer. */

import { integer, type Section } from "./row.js";

const MAX_ENTRIES = 10_000_000;

export const memory = {
  title: "Memory",
  gateway: {
    taskMaxAgeMs: integer({
      min: 0,
      max: 3_600_000,
      default: 1_000,
      effect: "how long the snapshot of a running task may answer again without asking IMM",
    }),
    maxCachedTasks: integer({
      min: 1,
      max: MAX_ENTRIES,
      default: 10_000,
      effect: "snapshots kept in memory; the least recently used go first",
    }),
    maxCachedResults: integer({
      min: 1,
      max: MAX_ENTRIES,
      default: 1_000,
      effect: "results of tasks kept in memory; the least recently used go first",
    }),
    maxIdempotencyKeys: integer({
      min: 1,
      max: MAX_ENTRIES,
      default: 10_000,
      effect: "idempotency keys remembered for 24 hours; the least recently used of those answered go first",
    }),
  },
  command: {},
} satisfies Section;
