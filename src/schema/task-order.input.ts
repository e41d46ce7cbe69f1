/** In which order tasks are listed. The values of the enums are IMM's words. */

import { Field, InputType, registerEnumType } from "type-graphql";
import type { TaskOrder as Order } from "../tasks/list-query.js";

const TaskOrderField = {
  TASK_ID: "TaskId",
  START_TIME: "StartTime",
  END_TIME: "EndTime",
} as const satisfies Record<string, Order["field"]>;

registerEnumType(TaskOrderField, {
  name: "TaskOrderField",
  description: "What tasks are ordered by.",
  valuesConfig: {
    TASK_ID: { description: "The task id, letter by letter. A task never changes its place." },
    START_TIME: { description: "The start. A task never changes its place." },
    END_TIME: {
      description:
        "The end. Where IMM puts tasks that still run is not documented, and a task that ends changes its place: while a list is read it may be missed or come twice.",
    },
  },
});

const OrderDirection = {
  ASC: "asc",
  DESC: "desc",
} as const satisfies Record<string, Order["direction"]>;

registerEnumType(OrderDirection, {
  name: "OrderDirection",
  description: "Which end comes first.",
  valuesConfig: {
    ASC: { description: "From the first or oldest on." },
    DESC: { description: "From the last or newest on." },
  },
});

@InputType({ description: "An order of tasks." })
export class TaskOrder implements Order {
  @Field(() => TaskOrderField, { description: "What to order by." })
  readonly field!: Order["field"];

  @Field(() => OrderDirection, { defaultValue: OrderDirection.ASC, description: "Which end comes first." })
  readonly direction!: Order["direction"];
}
