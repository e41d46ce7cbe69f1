/** How much one operation may ask for or start. */

import { integer, type Section } from "./row.js";

export const operations = {
  title: "One operation",
  gateway: {
    maxTasksPerOperation: integer({
      min: 1,
      max: 100_000,
      default: 200,
      effect: "different tasks in one operation, and waits for tasks; further ones fail with BAD_USER_INPUT",
    }),
    maxCallsPerOperation: integer({
      min: 1,
      max: 10_000,
      default: 200,
      effect:
        "calls to IMM that one operation may mean at most: 1 for each task and each hundred of a list, and for each of their tasks 1 for `result`, 1 for `progress` of a task that is read by key, 1 for `eventId` of one that is not; one that means more is refused with BAD_USER_INPUT, without a call",
    }),
    maxCreatesPerOperation: integer({
      min: 1,
      max: 1_000,
      default: 10,
      effect: "mutations in one operation; one with more is refused as a whole with BAD_USER_INPUT, and starts nothing",
    }),
    maxKeys: integer({
      min: 1,
      max: 100_000,
      default: 100,
      effect: "items in an argument that is a list of keys or ids",
    }),
    maxListedTasks: integer({
      min: 1,
      max: 100_000,
      default: 1_000,
      effect: "the most that `first` of a list may be; each hundred is a call to IMM",
    }),
  },
  command: {},
} satisfies Section;
