/**
 * Which calls answer these tasks at the least cost. Pure: the reader asks, nothing here calls.
 *
 * A page of ListTasks answers up to a hundred running tasks at once, progress included, but also carries the running
 * tasks of everybody else. So many tasks of a quiet project are swept, and a few tasks of a busy one are asked for one by
 * one. What is not known yet is tried with a small part of what it may save.
 */

import { PAGE_SIZE } from "./list/requests.js";

/** A task that has to be asked for. */
export interface WantedTask {
  /** Whether it was seen running before. Of a task never seen, a list of running ones may know nothing. */
  readonly isKnownRunning: boolean;
  readonly needsProgress: boolean;
  /** Whether something is needed that only GetTask has, so that GetTask is called in any case. */
  readonly needsGetTask: boolean;
}

/** What earlier lists of the project have shown. */
export interface ProjectKnowledge {
  /** How many running tasks of others a sweep carries along, at least; null while nobody knows. */
  readonly foreignRunning: number | null;
}

/** Below this many calls to save, nothing is tried on suspicion. */
const MIN_CALLS_TO_EXPLORE = 8;
/** The share of the calls that may be saved which a first try may cost. */
const SHARE_TO_EXPLORE = 1 / 8;
/** A sweep must save more than half, since tasks that it does not show are asked for as well. */
const MIN_SAVING = 2;

/**
 * How many pages a sweep may read for these tasks; 0 when they are better asked for one by one.
 *
 * @see callsReplaced for what a sweep is measured against.
 */
export function planSweep(wanted: readonly WantedTask[], { foreignRunning }: ProjectKnowledge): number {
  const replaced = callsReplaced(wanted);
  if (foreignRunning === null) {
    return replaced < MIN_CALLS_TO_EXPLORE ? 0 : Math.ceil(replaced * SHARE_TO_EXPLORE);
  }
  const expectedPages = Math.max(1, Math.ceil((wanted.length + foreignRunning) / PAGE_SIZE));
  return expectedPages * MIN_SAVING > replaced ? 0 : expectedPages * MIN_SAVING;
}

/** How many calls a sweep that shows all these tasks would spare. */
export function callsReplaced(wanted: readonly WantedTask[]): number {
  return wanted.filter(({ isKnownRunning, needsProgress, needsGetTask }) =>
    needsProgress ? true : isKnownRunning && !needsGetTask,
  ).length;
}

/** What a sweep showed. */
export interface SweepOutcome {
  readonly tasksRead: number;
  readonly wantedSeen: number;
  /** Whether the last page was reached. */
  readonly isComplete: boolean;
}

/** What is known after a sweep. One that was given up tells only a part, so twice of what it met is assumed. */
export function learn({ tasksRead, wantedSeen, isComplete }: SweepOutcome): ProjectKnowledge {
  const met = tasksRead - wantedSeen;
  return { foreignRunning: isComplete ? met : met * 2 };
}
