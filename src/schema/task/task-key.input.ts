/** The names that identify a task, as one argument: a client keeps one variable, and what a key holds may grow. */

import { Field, InputType } from "type-graphql";
import type { TaskKey } from "../../tasks/task.js";

@InputType({ description: "The three names that identify a task. IMM finds a task only by all of them." })
export class TaskKeyInput implements TaskKey {
  @Field(() => String, { description: "The name of the IMM project, for example immtest." })
  readonly projectName!: string;

  @Field(() => String, {
    description: "The task type as IMM spells it, for example FileCompression. `taskTypes` lists the known ones.",
  })
  readonly taskType!: string;

  @Field(() => String, {
    description: "The id that IMM gave the task when it was created, for example FileCompression-demo-running.",
  })
  readonly taskId!: string;
}
