/**
 * What tasks came to, typed: an object type for each of IMM's four result operations, built from the table, and the union
 * of them.
 */

import { createUnionType, type ClassType } from "type-graphql";
import type { ImmTaskResult } from "../imm/imm-client.js";
import { resultOperations, type Members, type ResultOperation } from "../imm/operations.js";
import { makeObjectType } from "./table-types.js";

const typesByTaskType: ReadonlyMap<string, ClassType> = new Map(
  Object.values<ResultOperation>(resultOperations).map((operation) => [operation.taskType, makeResultType(operation)]),
);

/** The outcome alone: what else a result operation answers, the task itself tells. */
function makeResultType({ schemaName, taskType, response, outcome }: ResultOperation): ClassType {
  const answer: Members = response;
  const member = answer[outcome];
  if (member === undefined) throw new Error(`Expected the result of ${taskType} to have ${outcome}.`);
  return makeObjectType({
    name: schemaName,
    description: `What a task of the type ${taskType} came to.`,
    members: { [outcome]: member },
  });
}

export const TaskResult = createUnionType({
  name: "TaskResult",
  description: "What a task came to, for the types that IMM tells it of.",
  types: () => [...typesByTaskType.values()] as const,
});

/** A result as a member of the union. */
export function toTaskResult(taskType: string, result: ImmTaskResult): object {
  const Result = typesByTaskType.get(taskType);
  if (Result === undefined) throw new Error(`Expected a type for the results of ${taskType}.`);
  return Object.assign(new Result(), result);
}
