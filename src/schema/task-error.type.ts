/** Why a task failed: data of the task, not an error of the request. */

import { Field, ObjectType } from "type-graphql";

@ObjectType({ description: "Why a task failed, in IMM's words. Not to be confused with the errors of a request." })
export class TaskError {
  @Field(() => String, { nullable: true, description: "IMM's code for the failure, for example ResourceNotFound." })
  readonly code!: string | null | Error;

  @Field(() => String, { nullable: true, description: "IMM's explanation, in English." })
  readonly message!: string | null | Error;
}
