/** What the user asks to be shown, by flags and arguments: some tasks by their names, or what runs in a project. Pure. */

import { ConfigurationError, GatewayError } from "../../errors.js";
import { hintAtTaskType } from "../../tasks/read/task-type-hint.js";
import { parseGlobalTaskId } from "../../tasks/task-id.js";
import { parseName, toKeyText, type TaskKey } from "../../tasks/task.js";

/** As they were written. */
export interface TargetFlags {
  readonly project?: string;
  readonly type?: readonly string[];
  readonly id?: readonly string[];
  readonly tag?: string;
}

/** A task; its region where its global id says it. */
export interface TaskTarget {
  readonly key: TaskKey;
  readonly region: string | null;
}

/** Which tasks of a project, as `TaskFilter` and `TaskEventFilter` have it. */
export interface ProjectFilter {
  readonly taskTypes?: readonly string[];
  readonly tag?: { readonly key: string; readonly value: string };
}

export interface ProjectTarget {
  readonly projectName: string;
  readonly filter: ProjectFilter;
}

export type Targets =
  { readonly kind: "tasks"; readonly tasks: readonly TaskTarget[] } | ({ readonly kind: "project" } & ProjectTarget);

/**
 * What is to be followed.
 *
 * @param ids - global ids of tasks.
 * @throws ConfigurationError - naming what does not fit.
 */
export function parseTargets(ids: readonly string[], flags: TargetFlags): Targets {
  const { project, type = [], id = [], tag } = flags;
  if (ids.length > 0) {
    if (project !== undefined || type.length > 0 || id.length > 0 || tag !== undefined) {
      throw new ConfigurationError("Expected global ids, or flags that name tasks, not both.");
    }
    return { kind: "tasks", tasks: distinct(ids.map(parseId)) };
  }
  if (project === undefined) {
    throw new ConfigurationError("Expected global ids of tasks, or --project: --help shows the ways to name tasks.");
  }
  if (id.length === 0) return { kind: "project", ...parseProject(flags) };
  const [taskType] = type;
  if (taskType === undefined || type.length > 1) {
    throw new ConfigurationError("--id: expected one --type beside it, which is a part of a task's name.");
  }
  if (tag !== undefined) throw new ConfigurationError("--tag: expected no --id beside it.");
  const names = { projectName: parseFlag("--project", project), taskType: parseFlag("--type", taskType) };
  const keys = id.map((taskId) => ({ ...names, taskId: parseFlag("--id", taskId) }));
  return { kind: "tasks", tasks: distinct(keys.map((key) => ({ key, region: null }))) };
}

/** @throws ConfigurationError */
export function parseProject({ project, type, tag }: TargetFlags): ProjectTarget {
  if (project === undefined) throw new ConfigurationError("--project: expected the name of a project of IMM.");
  return {
    projectName: parseFlag("--project", project),
    filter: {
      ...(type !== undefined && { taskTypes: type.map((name) => parseFlag("--type", name)) }),
      ...(tag !== undefined && { tag: parseTag(tag) }),
    },
  };
}

/** Lines about the types that are not known here, which IMM may have all the same. */
export function hintAtTypes({ type = [] }: TargetFlags): string {
  return type.flatMap((name) => `${hintAtTaskType(name) ?? ""}\n`.trimStart()).join("");
}

function parseTag(text: string): NonNullable<ProjectFilter["tag"]> {
  const end = text.indexOf("=");
  if (end <= 0) throw new ConfigurationError(`--tag: expected a name and a value such as team=video, got "${text}".`);
  return { key: text.slice(0, end), value: text.slice(end + 1) };
}

function parseId(id: string): TaskTarget {
  try {
    const { region, ...key } = parseGlobalTaskId(id);
    return { key, region };
  } catch {
    throw new ConfigurationError(`Expected the global id of a task, as the field \`id\` has it, got "${id}".`);
  }
}

/** A name, as the schema takes it. */
function parseFlag(flag: string, text: string): string {
  try {
    return parseName(flag, text);
  } catch (thrown) {
    throw thrown instanceof GatewayError ? new ConfigurationError(thrown.message) : thrown;
  }
}

function distinct(tasks: readonly TaskTarget[]): readonly TaskTarget[] {
  return [...new Map(tasks.map((task) => [toKeyText(task.key), task])).values()];
}
