/** The catalogue of task types: facts of the table, no call. */

import { Query, Resolver } from "type-graphql";
import { taskTypes, type TaskTypeFacts } from "../../imm/operations/operations.js";
import { TaskType } from "./task-type.type.js";

@Resolver()
export class TaskTypeResolver {
  @Query(() => [TaskType], {
    description: "The task types that the gateway knows, ordered by name. Costs no call to IMM.",
  })
  taskTypes(): readonly TaskTypeFacts[] {
    return taskTypes;
  }
}
