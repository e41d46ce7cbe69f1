/**
 * What a principal may do. Pure: `tasks/tasks.ts` asks it on every way to a task, no other file does, and it knows of a task
 * only what it is asked with. Today every principal has the same rights; one's own would be looked up here.
 */

import { ForbiddenError } from "../errors.js";
import type { Principal } from "./principal.js";

/** What a principal may want to do: see tasks, or start them. */
export type Right = "read" | "create";

/** What it is about, as far as it is known: what is left out refuses nothing. */
export interface AccessTarget {
  readonly projectName?: string;
  readonly taskType?: string;
  readonly tags?: unknown;
  readonly userData?: unknown;
}

/** What is permitted to all principals. */
export interface AccessRules {
  /** The projects that may be asked for; undefined for all. */
  readonly projects?: readonly string[] | undefined;
  /** Whether no task may be started. */
  readonly readOnly: boolean;
}

/** Why a principal may not do something; undefined where it may. Says nothing of whether what it asks for exists. */
export type AccessPolicy = (principal: Principal, right: Right, target: AccessTarget) => ForbiddenError | undefined;

/** The policy of these rules. */
export function createAccessPolicy({ projects, readOnly }: AccessRules): AccessPolicy {
  const served = projects && new Set(projects);
  return (_principal, right, { projectName }) => {
    if (right === "create" && readOnly) return new ForbiddenError("This gateway is read-only: it starts no tasks.");
    if (projectName === undefined || served?.has(projectName) !== false) return undefined;
    return new ForbiddenError("The gateway does not serve this project.");
  };
}
