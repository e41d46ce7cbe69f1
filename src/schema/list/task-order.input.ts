/** In which order tasks are listed. The values of the enums are IMM's words. */

import { Field, InputType, registerEnumType } from "type-graphql";
import type { TaskOrder as Order } from "../../tasks/list/list-query.js";

const TaskOrderField = {
  TASK_ID: "TaskId",
  START_TIME: "StartTime",
  END_TIME: "EndTime",
} as const satisfies Record<string, Order["field"]>;

registerEnumType(TaskOrderField, {
  name: "TaskOrderField",
  description: "What a list of tasks is ordered by.",
  valuesConfig: {
    TASK_ID: { description: "The task id, compared as text. A task keeps its place." },
    START_TIME: { description: "The start time. A task keeps its place." },
    END_TIME: {
      description:
        "The end time. Where IMM puts running tasks is not documented. A task that ends changes its place, so while pages are read it may be missed or appear twice.",
    },
  },
});

const TaskOrderDirection = {
  ASC: "asc",
  DESC: "desc",
} as const satisfies Record<string, Order["direction"]>;

registerEnumType(TaskOrderDirection, {
  name: "TaskOrderDirection",
  description: "The direction of an order.",
  valuesConfig: {
    ASC: { description: "The lowest id or the oldest time first." },
    DESC: { description: "The highest id or the newest time first." },
  },
});

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
