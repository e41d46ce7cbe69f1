/** The arguments of the subscriptions. */

import { ArgsType, Field, InputType, Int } from "type-graphql";
import { TaskTagInput } from "../list/task-filter.input.js";
import { TaskKeyInput } from "../task/task-key.input.js";

const STALENESS_DESCRIPTION =
  "The greatest age of a snapshot, in milliseconds, 1 to 3600000. The lowest value of all subscribers of a task counts, but the gateway never polls more often than its own least interval. Chosen by the gateway when omitted.";

@ArgsType()
export class TaskProgressArgs {
  @Field(() => TaskKeyInput, { description: "What identifies the task." })
  readonly key!: TaskKeyInput;

  @Field(() => Int, { nullable: true, description: STALENESS_DESCRIPTION })
  readonly maxStalenessMs?: number | null;
}

@ArgsType()
export class TaskEventsArgs {
  @Field(() => [TaskKeyInput], { description: "The keys of the tasks; 1 to 100 items unless configured otherwise." })
  readonly keys!: TaskKeyInput[];

  @Field(() => Int, { nullable: true, description: STALENESS_DESCRIPTION })
  readonly maxStalenessMs?: number | null;
}

@InputType({
  description: "Which tasks of a project are followed: those that meet every given condition.",
})
export class TaskEventFilter {
  @Field(() => [String], {
    nullable: true,
    description:
      "Tasks of one of these types, as IMM spells them, for example FileCompression. 1 to 50 items; all types when omitted.",
  })
  readonly taskTypes?: string[] | null;

  @Field(() => TaskTagInput, {
    nullable: true,
    description: "Tasks that have this tag. Tasks of a type that takes no tags never have it.",
  })
  readonly tag?: TaskTagInput | null;
}

@ArgsType()
export class ProjectEventsArgs {
  @Field(() => String, { description: "The name of the IMM project, for example immtest." })
  readonly projectName!: string;

  @Field(() => TaskEventFilter, { nullable: true, description: "Which tasks of the project; all when omitted." })
  readonly filter?: TaskEventFilter | null;

  @Field(() => Int, { nullable: true, description: STALENESS_DESCRIPTION })
  readonly maxStalenessMs?: number | null;
}
