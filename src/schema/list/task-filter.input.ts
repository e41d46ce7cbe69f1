/** Which tasks of a project are listed. */

import { Field, InputType } from "type-graphql";
import type { InstantRange, TaskFilter as Filter } from "../../tasks/list/list-query.js";
import { GraphQLDateTime } from "../scalars.js";
import { makeEnum } from "../table-types.js";

const TaskFilterStatus = makeEnum<NonNullable<Filter["status"]>>(
  "TaskFilterStatus",
  "The states that a list of tasks can be filtered by.",
  {
    RUNNING: "Queued or running tasks.",
    SUCCEEDED: "Tasks that ended well.",
    FAILED: "Tasks that ended with an error.",
  },
);

@InputType({
  description:
    "A range of instants, open at an end that is omitted. At least one of the two is given. Whether IMM includes the ends is not documented.",
})
export class TaskTimeRangeInput implements InstantRange {
  @Field(() => GraphQLDateTime, { nullable: true, description: "The earliest instant." })
  readonly from?: string | null;

  @Field(() => GraphQLDateTime, { nullable: true, description: "The latest instant; not before `from`." })
  readonly to?: string | null;
}

@InputType({
  description: "A tag as it was given when a task was created. Not every type takes tags; see `taskTypes`.",
})
export class TaskTagInput {
  @Field(() => String, {
    description: "The name of the tag. Must not contain `=`, which IMM puts between name and value.",
  })
  readonly key!: string;

  @Field(() => String, { description: "The whole value of the tag. IMM documents no patterns." })
  readonly value!: string;
}

@InputType({
  description:
    "Which tasks are listed: those that meet every given condition. A condition that is omitted or null does not filter.",
})
export class TaskFilter implements Filter {
  @Field(() => [String], {
    nullable: true,
    description: "Tasks of one of these types, as IMM spells them, for example FileCompression. 1 to 50 items.",
  })
  readonly taskTypes?: readonly string[] | null;

  @Field(() => TaskFilterStatus, { nullable: true, description: "Tasks in this state." })
  readonly status?: keyof typeof TaskFilterStatus | null;

  @Field(() => TaskTagInput, {
    nullable: true,
    description: "Tasks that have this tag. IMM documents no way to ask for several tags.",
  })
  readonly tag?: TaskTagInput | null;

  @Field(() => TaskTimeRangeInput, { nullable: true, description: "Tasks that started in this range." })
  readonly startTime?: TaskTimeRangeInput | null;

  @Field(() => TaskTimeRangeInput, { nullable: true, description: "Tasks that ended in this range." })
  readonly endTime?: TaskTimeRangeInput | null;
}
