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
  description: "The state of a task. More values may come; `isDone` tells whether a task has ended.",
  valuesConfig: {
    RUNNING: { description: "The task is queued or runs; IMM has one word for both." },
    SUCCEEDED: { description: "The task ended well. Final." },
    FAILED: { description: "The task ended with an error, which is in `Task.error`. Final." },
    UNKNOWN: {
      description: "IMM gave a word that the gateway does not know. Such a task has ended when it has an end time.",
    },
  },
});
