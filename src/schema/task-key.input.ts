/** The names that identify a task, as one argument: a client keeps one variable, and what a key holds may grow. */

import { Field, InputType } from "type-graphql";
import type { TaskKey } from "../tasks/task.js";

@InputType({ description: "What identifies a task. IMM finds a task only by all three." })
export class TaskKeyInput implements TaskKey {
  @Field(() => String, { description: "The IMM project, for example immtest." })
  readonly projectName!: string;

  @Field(() => String, { description: "The task type as IMM spells it, for example FileCompression; see `taskTypes`." })
  readonly taskType!: string;

  @Field(() => String, { description: "The id that IMM gave the task when it was created." })
  readonly taskId!: string;
}
