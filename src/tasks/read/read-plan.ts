/**
 * What to ask IMM next about a task, by what is known of it and the parts that are wanted. Pure; for the `TaskReader`.
 *
 * A list answers for a running task at the price of one call for many; GetTask answers for one, and alone says what became of a
 * task that the lists no longer show.
 */

import { UpstreamMisconfiguredError, UpstreamThrottledError, type GatewayError } from "../../errors.js";
import { isFinal, lacksDefinition, satisfies, type TaskSnapshot } from "../snapshot.js";
import type { TaskParts } from "../task.js";

/** One task that is read: what is known of it, and what is wanted. */
export interface WantedTask {
  readonly known: TaskSnapshot | undefined;
  readonly parts: TaskParts;
}

/** How far the read of one task has come. */
export interface ReadState extends WantedTask {
  /** The least tick at which a running task must have been asked about. */
  readonly notBefore: number;
  /** What the lists have come to: whether they show the task, or why they could not be had. Undefined where not asked. */
  readonly listed: "seen" | "absent" | GatewayError | undefined;
  readonly hasAskedTask: boolean;
  /** Whether a watch asks: what passes by itself is left to its next poll. */
  readonly isOfWatch: boolean;
  /** Whether the account may list the project, as far as is known. */
  readonly mayList: () => boolean;
}

/** `confirm` is GetTask for a task that the lists no longer show; `give up` leaves it at the failure of the lists. */
export type NextQuestion =
  | { readonly ask: "list" }
  | { readonly ask: "task" | "confirm"; readonly definition: boolean }
  | { readonly ask: "nothing"; readonly answer: TaskSnapshot }
  | { readonly ask: "give up"; readonly failure: GatewayError };

/** The next question, until the task is known or none is left that could bring more. */
export function nextQuestion(state: ReadState): NextQuestion {
  const { known, parts, notBefore, listed, hasAskedTask } = state;
  if (known !== undefined && satisfies(known, parts, notBefore)) {
    return { ask: "nothing", answer: listed === "absent" ? withNoProgress(known) : known };
  }
  if (listed === undefined && parts.progress && isSeenRunning(known)) return { ask: "list" };
  if (known !== undefined && hasAskedTask) {
    const answer = typeof listed === "object" ? { ...known, progressError: listed } : withNoProgress(known);
    return { ask: "nothing", answer };
  }
  if (typeof listed === "object" && isHopeless(listed, state)) return { ask: "give up", failure: listed };
  return { ask: listed === "absent" ? "confirm" : "task", definition: lacksDefinition(known, parts) };
}

/** What goes on without being listed has no progress to show. */
function withNoProgress(known: TaskSnapshot): TaskSnapshot {
  return isFinal(known) ? known : { ...known, progressAskedTick: known.observedTick };
}

/** Whether GetTask would fail like the lists, or what a watch asks for is better left to its next poll. */
function isHopeless(failure: GatewayError, { isOfWatch, mayList }: ReadState): boolean {
  if (failure instanceof UpstreamThrottledError || failure instanceof UpstreamMisconfiguredError) return true;
  return isOfWatch && (failure.retryable || mayList());
}

/** The tasks of a project that lists answer in no more calls than it takes to ask for each. */
export function chooseListed<T extends WantedTask>(tasks: readonly T[], isOfWatch: boolean): readonly T[] {
  const listed = tasks.filter(({ parts, known }) => {
    if (known !== undefined && isFinal(known)) return false;
    if (parts.progress) return true;
    const needsGetTask = parts.eventId && known?.hasAskedEventId !== true;
    return !needsGetTask && (isOfWatch || isSeenRunning(known));
  });
  const [first, ...others] = listed;
  if (first === undefined || others.length > 0) return listed;
  return isSeenRunning(first.known) && first.parts.progress ? listed : [];
}

/** Whether a read has shown that the task runs. */
export function isSeenRunning(known: TaskSnapshot | undefined): known is TaskSnapshot {
  return known?.hasBeenRead === true && !isFinal(known);
}

/** The parts that a flight brings: a definition that IMM is asked for comes with its secrets. */
export function purposeOf(parts: TaskParts, known: TaskSnapshot | undefined): TaskParts {
  return parts.definition && known?.isRedacted !== true ? { ...parts, secrets: true } : parts;
}
