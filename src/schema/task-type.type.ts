/** One row of the catalogue of task types. */

import { Field, ObjectType, registerEnumType } from "type-graphql";
import type { TaskTypeFacts } from "../imm/operations.js";

const TaskTypeStage = {
  GENERAL: "general",
  PUBLIC_PREVIEW: "public-preview",
  INVITATIONAL_PREVIEW: "invitational-preview",
} as const satisfies Record<string, TaskTypeFacts["stage"]>;

registerEnumType(TaskTypeStage, {
  name: "TaskTypeStage",
  description: "Who may use the operation that starts tasks of a type.",
  valuesConfig: {
    GENERAL: { description: "Everybody." },
    PUBLIC_PREVIEW: { description: "Everybody, as a preview." },
    INVITATIONAL_PREVIEW: { description: "Invited accounts." },
  },
});

const Evidence = {
  DOCS: "docs",
  SDK: "sdk",
  INFERRED: "inferred",
} as const satisfies Record<string, TaskTypeFacts["evidence"]>;

registerEnumType(Evidence, {
  name: "Evidence",
  description: "How sure the spelling of a task type is.",
  valuesConfig: {
    DOCS: { description: "Printed in IMM's documentation." },
    SDK: { description: "Seen in IMM's SDK." },
    INFERRED: { description: "Concluded from the type of its completion event." },
  },
});

@ObjectType({ description: "A kind of task that IMM can run. The vocabulary is open: other types pass through." })
export class TaskType implements TaskTypeFacts {
  @Field(() => String, { description: "The value of `taskType`." })
  readonly name!: string;

  @Field(() => String, { description: "IMM's operation that starts such a task." })
  readonly createdBy!: string;

  @Field(() => Boolean, { description: "Whether IMM gives the request definition of such a task." })
  readonly hasRequestDefinition!: boolean;

  @Field(() => Boolean, { description: "Whether tags can be given at creation." })
  readonly takesTags!: boolean;

  @Field(() => Boolean, { description: "Whether user data can be given at creation." })
  readonly takesUserData!: boolean;

  @Field(() => Boolean, { description: "Whether a credential configuration can be given at creation." })
  readonly takesCredentialConfig!: boolean;

  @Field(() => String, { nullable: true, description: "The type of the completion event; null when none is listed." })
  readonly eventType!: string | null;

  @Field(() => TaskTypeStage, { description: "Who may start such a task." })
  readonly stage!: TaskTypeFacts["stage"];

  @Field(() => Evidence, { description: "How sure the spelling of `name` is." })
  readonly evidence!: TaskTypeFacts["evidence"];
}
