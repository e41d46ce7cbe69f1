/** Why a task failed: data of the task, not an error of the request. */

import { Field, ObjectType } from "type-graphql";

@ObjectType({
  simpleResolvers: true,
  description:
    "Why a task failed, in IMM's words. It is data of the task; a request that failed is in `errors` of the response.",
})
export class TaskError {
  @Field(() => String, { nullable: true, description: "IMM's code for the failure, for example ResourceNotFound." })
  readonly code!: string | null | Error;

  @Field(() => String, { nullable: true, description: "IMM's explanation in English, for people to read." })
  readonly message!: string | null | Error;
}
