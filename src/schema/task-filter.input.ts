/** Which tasks of a project are listed. */

import { Field, InputType } from "type-graphql";
import type { InstantRange, TaskFilter as Filter } from "../tasks/list-query.js";
import { GraphQLDateTime } from "./scalars.js";
import { TaskStatus } from "./task-status.enum.js";

@InputType({
  description: "A range of instants, open at an end that is omitted. Whether IMM includes the ends is not documented.",
})
export class DateTimeRange implements InstantRange {
  @Field(() => GraphQLDateTime, { nullable: true, description: "Where the range begins." })
  readonly from?: string | null;

  @Field(() => GraphQLDateTime, { nullable: true, description: "Where it ends; not before it begins." })
  readonly to?: string | null;
}

@InputType({
  description: "A tag as it was given when a task was created. Not every type takes tags; see `taskTypes`.",
})
export class TagInput {
  @Field(() => String, { description: "The name of the tag. Must not hold `=`, by which IMM parts name and value." })
  readonly key!: string;

  @Field(() => String, { description: "Its value. IMM documents only whole values, no patterns." })
  readonly value!: string;
}

@InputType({ description: "What tasks must have in common to be listed. What is omitted does not filter." })
export class TaskFilter implements Filter {
  @Field(() => [String], {
    nullable: true,
    description: "One of these types, as IMM spells them; 1 to 50.",
  })
  readonly taskTypes?: readonly string[] | null;

  @Field(() => TaskStatus, { nullable: true, description: "This state. IMM takes one, and never UNKNOWN." })
  readonly status?: keyof typeof TaskStatus | null;

  @Field(() => TagInput, { nullable: true, description: "This tag. IMM documents no way to ask for several." })
  readonly tag?: TagInput | null;

  @Field(() => DateTimeRange, { nullable: true, description: "A start in this range." })
  readonly startTime?: DateTimeRange | null;

  @Field(() => DateTimeRange, { nullable: true, description: "An end in this range." })
  readonly endTime?: DateTimeRange | null;
}
