/** The states of a task, as the schema names them. */

import { registerEnumType } from "type-graphql";
import type { TaskStatus as Status } from "../../tasks/snapshot.js";

export const TaskStatus: { readonly [Name in Status]: Name } = {
  RUNNING: "RUNNING",
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  UNKNOWN: "UNKNOWN",
};

registerEnumType(TaskStatus, {
  name: "TaskStatus",
  description:
    "How a task stands: IMM's words in capitals, whatever their case. More states may come; `Task.isDone` says whether one has ended.",
  valuesConfig: {
    RUNNING: { description: "Queued or being worked on; IMM does not distinguish the two." },
    SUCCEEDED: { description: "Ended well. Final." },
    FAILED: { description: "Ended with the error in `error`. Final." },
    UNKNOWN: {
      description:
        "A word of IMM that the gateway does not know; `Task.statusText` has it. The task has ended where an end time stands beside that word, and is followed like one that runs where none does.",
    },
  },
});
