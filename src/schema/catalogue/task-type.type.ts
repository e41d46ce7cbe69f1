/** One row of the catalogue of task types. */

import { Field, ObjectType } from "type-graphql";
import type { TaskTypeFacts } from "../../imm/operations/operations.js";
import { makeEnum } from "../table-types.js";

const TaskTypeStage = makeEnum(
  "TaskTypeStage",
  "Which Alibaba Cloud accounts may start tasks of a type.",
  {
    GENERAL: "All accounts.",
    PUBLIC_PREVIEW: "All accounts, as a public preview.",
    INVITATIONAL_PREVIEW: "Accounts that IMM has invited.",
  },
  {
    GENERAL: "general",
    PUBLIC_PREVIEW: "public-preview",
    INVITATIONAL_PREVIEW: "invitational-preview",
  } as const satisfies Record<string, TaskTypeFacts["stage"]>,
);

@ObjectType({
  simpleResolvers: true,
  description:
    "A type of task that IMM can run. IMM may have types that are not in this catalogue; their tasks can be read and followed all the same.",
})
export class TaskType implements Omit<TaskTypeFacts, "evidence"> {
  @Field(() => String, { description: "The value of `Task.taskType`, for example FileCompression." })
  readonly name!: string;

  @Field(() => String, {
    description: "IMM's operation that starts such a task, for example CreateFileCompressionTask.",
  })
  readonly operation!: string;

  @Field(() => String, {
    description: "The mutation of this schema that calls that operation, for example createFileCompressionTask.",
  })
  readonly mutation!: string;

  @Field(() => Boolean, { description: "Whether IMM gives `Task.requestDefinition` for such a task." })
  readonly hasRequestDefinition!: boolean;

  @Field(() => Boolean, { description: "Whether the mutation takes `tags`." })
  readonly takesTags!: boolean;

  @Field(() => Boolean, { description: "Whether the mutation takes `userData`." })
  readonly takesUserData!: boolean;

  @Field(() => Boolean, { description: "Whether the mutation takes `credentialConfig`." })
  readonly takesCredentialConfig!: boolean;

  @Field(() => String, {
    nullable: true,
    description:
      "The type of the event that EventBridge gets when the task ends, for example imm:Task:FileCompression. Null when IMM documents none.",
  })
  readonly eventType!: string | null;

  @Field(() => TaskTypeStage, { description: "Which accounts may start such a task." })
  readonly stage!: TaskTypeFacts["stage"];
}
