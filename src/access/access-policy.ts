/**
 * What a principal may do. Pure: `tasks/tasks.ts` asks it on every way to a task, no other file does, and it knows of a task
 * only what it is asked with. The rules of the gateway hold for all; within them each has what its grants add up to.
 */

import { ForbiddenError } from "../errors.js";
import { gives } from "./grants/grants.js";
import { isOwn } from "./grants/ownership.js";
import type { AccessTarget, Grant, Principal, Right } from "./principal.js";

/** What is permitted to all principals. */
export interface AccessRules {
  /** The projects that may be asked for; undefined for all. */
  readonly projects?: readonly string[] | undefined;
  /** Whether no task may be started. */
  readonly readOnly: boolean;
}

/** `depends`: on whose the task is, which is not known yet. `hidden`: as if it were not there, since it is another's. */
export type Verdict = "allowed" | "depends" | "hidden" | "forbidden";

/** The rules of one gateway. */
export interface AccessPolicy {
  /** Whether the principal may do that with it. What is left out of the target refuses nothing. */
  judge(principal: Principal, right: Right, target: AccessTarget): Verdict;
  /** Why it is forbidden. Says nothing of whether what is asked for exists. */
  refusal(right: Right, target: AccessTarget): ForbiddenError;
  /** The grants that give the right there, whatever else they ask for; none where it is forbidden. */
  grantsOf(principal: Principal, right: Right, target: AccessTarget): readonly Grant[];
  /** The projects in which the principal has a right: names, and beginnings of names with a `*` behind them. */
  projectsOf(principal: Principal): readonly string[];
}

const REFUSALS: Readonly<Record<Right, string>> = {
  read: "The caller may not see tasks of this project or of this type.",
  create: "The caller may not start tasks of this type in this project.",
  definitions: "The caller may not see what tasks of this project or of this type were created with.",
  secrets: "The caller may not see the secrets of tasks of this project or of this type.",
};

/** The policy of these rules. */
export function createAccessPolicy({ projects, readOnly }: AccessRules): AccessPolicy {
  const served = projects && new Set(projects);
  const ruleAgainst = (right: Right, { projectName }: AccessTarget): string | undefined => {
    if (right === "create" && readOnly) return "This gateway is read-only: it starts no tasks.";
    if (projectName === undefined || served?.has(projectName) !== false) return undefined;
    return "The gateway does not serve this project.";
  };
  const grantsOf = ({ grants }: Principal, right: Right, target: AccessTarget): readonly Grant[] =>
    ruleAgainst(right, target) === undefined ? grants.filter((grant) => gives(grant, right, target)) : [];
  return {
    grantsOf,
    judge(principal, right, target) {
      const grants = grantsOf(principal, right, target);
      if (grants.length === 0) return "forbidden";
      if (grants.some(({ own }) => own === undefined)) return "allowed";
      const { tags, userData } = target;
      if (tags === undefined || userData === undefined) return "depends";
      return grants.some(({ own }) => own !== undefined && isOwn(own, { tags, userData })) ? "allowed" : "hidden";
    },
    projectsOf({ grants }) {
      const useful = grants.filter(({ allow }) => allow.length > 0);
      const patterns = useful.flatMap((grant) =>
        grant.projects.map(({ name, isPrefix }) => (isPrefix ? `${name}*` : name)),
      );
      const among = (projectName: string): boolean =>
        useful.some((grant) => grant.allow.some((right) => gives(grant, right, { projectName })));
      return [...new Set(projects?.filter(among) ?? patterns)].toSorted();
    },
    refusal: (right, target) => new ForbiddenError(ruleAgainst(right, target) ?? REFUSALS[right]),
  };
}
