/**
 * What tasks came to, typed: an object type for each of IMM's four result operations, built from the table, and the union
 * of them. A verdict is no object of its own: its members are those of the result.
 */

import { createUnionType, Field, type ClassType } from "type-graphql";
import type { ImmTaskResult } from "../../imm/imm-client.js";
import {
  modelOf,
  resultOperationOf,
  resultOperations,
  toCamelCase,
  type Member,
  type Members,
  type ResultOperation,
} from "../../imm/operations/operations.js";
import { ModerationSuggestion, toModerationSuggestion } from "./moderation-suggestion.enum.js";
import { makeObjectType } from "../table-types.js";

const typesByTaskType: ReadonlyMap<string, ClassType> = new Map(
  Object.values<ResultOperation>(resultOperations).map((operation) => [operation.taskType, makeResultType(operation)]),
);

/** The outcome alone: what else a result operation answers, the task itself has. */
function makeResultType(operation: ResultOperation): ClassType {
  const { schemaName, taskType, outcome } = operation;
  const member = outcomeOf(operation);
  const { Suggestion, ...members }: Members =
    member.type === "object" ? modelOf(member).members : { [outcome]: member };
  const description = `The result of a task of the type ${taskType}.`;
  const Result = makeObjectType({ name: schemaName, description, members });
  if (Suggestion !== undefined) {
    Field(() => ModerationSuggestion, { nullable: true, description: Suggestion.description })(
      Result.prototype,
      "suggestion",
    );
  }
  return Result;
}

function outcomeOf({ taskType, response, outcome }: ResultOperation): Member {
  const answer: Members = response;
  const member = answer[outcome];
  if (member === undefined) throw new Error(`Expected the result of ${taskType} to have ${outcome}.`);
  return member;
}

export const TaskResult = createUnionType({
  name: "TaskResult",
  description: "The result of a task, for the types whose results IMM gives. More types may come.",
  types: () => [...typesByTaskType.values()] as const,
});

/**
 * A result as a member of the union.
 *
 * @throws UpstreamInvalidResponseError - when IMM gave a verdict in another shape than documented.
 */
export function toTaskResult(taskType: string, result: ImmTaskResult): object {
  const Result = typesByTaskType.get(taskType);
  const operation = resultOperationOf(taskType);
  if (Result === undefined || operation === undefined) {
    throw new Error(`Expected a type for the results of ${taskType}.`);
  }
  if (outcomeOf(operation).type !== "object") return Object.assign(new Result(), result);
  const verdict = result[toCamelCase(operation.outcome)];
  if (verdict instanceof Error) throw verdict;
  const members: { readonly suggestion?: unknown } = { ...(verdict as object | undefined) };
  return Object.assign(new Result(), members, { suggestion: toModerationSuggestion(members.suggestion) });
}
