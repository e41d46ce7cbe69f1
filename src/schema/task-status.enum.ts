/** The states of a task, as the schema names them. */

import { registerEnumType } from "type-graphql";
import type { TaskStatus as Status } from "../tasks/task.js";

export const TaskStatus: { readonly [Name in Status]: Name } = {
  RUNNING: "RUNNING",
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  UNKNOWN: "UNKNOWN",
};

registerEnumType(TaskStatus, {
  name: "TaskStatus",
  description: "How a task stands. The gateway spells IMM's words in capitals, whatever their case.",
  valuesConfig: {
    RUNNING: { description: "Queued or being worked on; IMM does not tell the two apart." },
    SUCCEEDED: { description: "Ended well. Final." },
    FAILED: { description: "Ended with the error in `error`. Final." },
    UNKNOWN: { description: "A word of IMM that the gateway does not know. Treated as not finished." },
  },
});
