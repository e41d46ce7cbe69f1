/** In which order tasks are listed. The values of the enums are IMM's words. */

import { Field, InputType } from "type-graphql";
import type { TaskOrder as Order } from "../../tasks/list/list-query.js";
import { makeEnum } from "../table-types.js";

const TaskOrderField = makeEnum(
  "TaskOrderField",
  "What a list of tasks is ordered by.",
  {
    TASK_ID: "The task id, compared as text. A task keeps its place.",
    START_TIME: "The start time. A task keeps its place.",
    END_TIME:
      "The end time. Where IMM puts running tasks is not documented. A task that ends changes its place, so while pages are read it may be missed or appear twice.",
  },
  { TASK_ID: "TaskId", START_TIME: "StartTime", END_TIME: "EndTime" } as const satisfies Record<string, Order["field"]>,
);

const TaskOrderDirection = makeEnum(
  "TaskOrderDirection",
  "The direction of an order.",
  {
    ASC: "The lowest id or the oldest time first.",
    DESC: "The highest id or the newest time first.",
  },
  { ASC: "asc", DESC: "desc" } as const satisfies Record<string, Order["direction"]>,
);

@InputType({ description: "How a list of tasks is ordered." })
export class TaskOrder implements Order {
  @Field(() => TaskOrderField, { description: "What to order by." })
  readonly field!: Order["field"];

  @Field(() => TaskOrderDirection, {
    defaultValue: TaskOrderDirection.ASC,
    description: "Which tasks come first.",
  })
  readonly direction!: Order["direction"];
}
