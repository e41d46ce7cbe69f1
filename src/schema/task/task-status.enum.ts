/** The states of a task, as the schema names them. */

import type { TaskStatus as Status } from "../../tasks/snapshot.js";
import { makeEnum } from "../table-types.js";

export const TaskStatus = makeEnum<Status>(
  "TaskStatus",
  "How a task stands: IMM's words in capitals, whatever their case. More states may come; `Task.isDone` says whether one has ended.",
  {
    RUNNING: "Queued or being worked on; IMM does not distinguish the two.",
    SUCCEEDED: "Ended well. Final.",
    FAILED: "Ended with the error in `error`. Final.",
    UNKNOWN:
      "A word of IMM that the gateway does not know; `Task.statusText` has it. The task has ended where an end time stands beside that word, and is followed like one that runs where none does.",
  },
);
