/** What one grant gives, and whether some grants give what others gave. Pure. */

import type { AccessTarget, Grant, ProjectPattern, Right } from "../principal.js";

/** Whether the grant gives the right there, perhaps to the caller's own tasks alone. What the target leaves out is not looked at. */
export function gives({ projects, taskTypes, allow }: Grant, right: Right, target: AccessTarget): boolean {
  const { projectName, taskType } = target;
  return (
    allow.includes(right) &&
    (projectName === undefined || projects.some((pattern) => matches(pattern, projectName))) &&
    (taskType === undefined || taskTypes?.includes(taskType) !== false)
  );
}

/**
 * Whether `after` gives, for the target, all that `before` gave of these rights. A right to all tasks includes one to those
 * that are the caller's own.
 */
export function keeps(
  before: readonly Grant[],
  after: readonly Grant[],
  rights: readonly Right[],
  target: AccessTarget,
): boolean {
  return rights.every((right) =>
    before
      .filter((grant) => gives(grant, right, target))
      .every((old) => {
        const heirs = after.filter(
          (grant) => gives(grant, right, target) && (grant.own === undefined || isSame(grant.own, old.own)),
        );
        const types = target.taskType === undefined ? old.taskTypes : [target.taskType];
        return types === undefined
          ? heirs.some(({ taskTypes }) => taskTypes === undefined)
          : types.every((type) => heirs.some(({ taskTypes }) => taskTypes?.includes(type) !== false));
      }),
  );
}

function matches({ name, isPrefix }: ProjectPattern, projectName: string): boolean {
  return isPrefix ? projectName.startsWith(name) : projectName === name;
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
