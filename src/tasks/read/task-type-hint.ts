/** What to say of a task type that is not known here. A hint and no refusal: IMM's vocabulary is open. Pure. */

import { closest, distance } from "fastest-levenshtein";
import { BadUserInputError, NotFoundError } from "../../errors.js";
import { taskTypes } from "../../imm/operations/operations.js";

const known: ReadonlySet<string> = new Set(taskTypes.map(({ name }) => name));

/** The types by all names that they go by, in lower case: their own, that of the operation, that of the event. */
const typesByAnyName: ReadonlyMap<string, string> = new Map(
  taskTypes.flatMap(({ name, operation, mutation, eventType }) =>
    [mutation, operation, operation.replaceAll(/^Create|Task$/g, ""), eventType?.split(":").at(-1) ?? name, name].map(
      (anyName) => [anyName.toLowerCase(), name] as const,
    ),
  ),
);
const anyNames: readonly string[] = [...typesByAnyName.keys()];

/** So much of a name may be wrong. */
const MAX_WRONG_PART = 0.4;

/** A sentence that names what was probably meant, or null for a type that is known. */
export function hintAtTaskType(taskType: string): string | null {
  if (known.has(taskType)) return null;
  const given = taskType.toLowerCase();
  const nearest = closest(given, anyNames);
  if (distance(given, nearest) > given.length * MAX_WRONG_PART) {
    return "The gateway knows no task type of this name; the query `taskTypes` lists those that it knows.";
  }
  return `The gateway knows no task type \`${taskType}\`; did you mean \`${typesByAnyName.get(nearest)}\`?`;
}

/** Where IMM does not find a task, its type may be wrong. */
export function withTaskTypeHint(thrown: unknown, taskType: string): unknown {
  const hint = hintAtTaskType(taskType);
  if (hint === null) return thrown;
  if (thrown instanceof NotFoundError) return new NotFoundError(`${thrown.message} ${hint}`, thrown);
  if (thrown instanceof BadUserInputError) {
    return new BadUserInputError(thrown.argument, `${thrown.message} ${hint}`, thrown);
  }
  return thrown;
}
