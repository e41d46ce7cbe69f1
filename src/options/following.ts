/** How tasks are followed. */

import { integer, number, type Section } from "./row.js";

const HOUR_MS = 3_600_000;

export const following = {
  title: "Following tasks",
  gateway: {
    watchCallsPerSecond: number({
      min: 0.01,
      max: 1_000,
      default: 0.5,
      effect:
        "calls to IMM a second that polls of one watched project may take for what runs there, 100 tasks a call; what confirms an end comes on top",
    }),
    minPollIntervalMs: integer({
      min: 100,
      max: HOUR_MS,
      default: 1_000,
      effect: "the shortest time between two polls of a watched project, whatever is asked for",
    }),
    maxPollIntervalMs: integer({
      min: 100,
      max: HOUR_MS,
      default: 15_000,
      effect: "the longest time between two polls of a watched project, unless all its subscribers accept older data",
    }),
    refusalGraceMs: integer({
      min: 0,
      max: 24 * HOUR_MS,
      default: 600_000,
      effect:
        "how long after IMM has answered for a task, or listed a project, its refusal to do so again counts as passing: its subscribers stay, and IMM is asked again at the longest interval",
    }),
    maxWatchedTasks: integer({
      min: 1,
      max: 1_000_000,
      default: 10_000,
      effect:
        "different tasks watched at once, for all subscribers together; further ones fail with UPSTREAM_THROTTLED",
    }),
    maxFollowedProjects: integer({
      min: 1,
      max: 100_000,
      default: 100,
      effect:
        "projects followed at once, each filter counted, for all subscribers together; further ones fail with UPSTREAM_THROTTLED",
    }),
    maxWaitingOperations: integer({
      min: 1,
      max: 1_000_000,
      default: 10_000,
      effect: "`awaitTask`s that wait at once; further ones fail with UPSTREAM_THROTTLED",
    }),
    maxAwaitMs: integer({
      min: 1,
      max: HOUR_MS,
      default: 60_000,
      effect: "how long `awaitTask` may wait; a longer `timeoutMs` fails with BAD_USER_INPUT",
    }),
  },
  command: {},
} satisfies Section;
