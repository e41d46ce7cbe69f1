/** The arguments of the subscriptions. */

import { ArgsType, Field, InputType, Int } from "type-graphql";
import { TagInput } from "./task-filter.input.js";
import { TaskKeyInput } from "./task-key.input.js";

const STALENESS_DESCRIPTION =
  "How old a snapshot may be, in milliseconds, 1 to 3600000. Not below the gateway's least poll interval; the most impatient subscriber of a task decides. Omitted, the gateway chooses.";

@ArgsType()
export class TaskProgressArgs {
  @Field(() => TaskKeyInput, { description: "What identifies the task." })
  readonly key!: TaskKeyInput;

  @Field(() => Int, { nullable: true, description: STALENESS_DESCRIPTION })
  readonly maxStalenessMs?: number | null;
}

@ArgsType()
export class TasksProgressArgs {
  @Field(() => [TaskKeyInput], { description: "What identifies the tasks; 1 to 100 unless configured otherwise." })
  readonly keys!: TaskKeyInput[];

  @Field(() => Int, { nullable: true, description: STALENESS_DESCRIPTION })
  readonly maxStalenessMs?: number | null;
}

@InputType({ description: "Which tasks of a project to follow." })
export class ProjectProgressFilter {
  @Field(() => [String], {
    nullable: true,
    description: "One of these types, as IMM spells them; 1 to 50. All types when omitted.",
  })
  readonly taskTypes?: string[] | null;

  @Field(() => TagInput, { nullable: true, description: "This tag. IMM documents no way to ask for several." })
  readonly tag?: TagInput | null;
}

@ArgsType()
export class ProjectProgressArgs {
  @Field(() => String, { description: "The IMM project, for example immtest." })
  readonly projectName!: string;

  @Field(() => ProjectProgressFilter, { nullable: true, description: "Which of its tasks; all when omitted." })
  readonly filter?: ProjectProgressFilter | null;

  @Field(() => Int, { nullable: true, description: STALENESS_DESCRIPTION })
  readonly maxStalenessMs?: number | null;
}
