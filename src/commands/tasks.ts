/** The command `tasks`: the newest tasks of a project as a table, or as JSON. */

import { ConfigurationError } from "../errors.js";
import type { CommandIo, Environment } from "./command.js";
import { aBoolean, aListOf, aShape, MalformedAnswerError } from "./follow/answers.js";
import { aSeenTask, TASK_FIELDS, type SeenTask } from "./follow/follow-event.js";
import { hintAtTypes, parseProject, type TargetFlags } from "./follow/targets.js";
import { fetchData } from "./follow/task-source.js";
import { openTaskSource } from "./open-task-source.js";
import { sayFailure } from "./say-failure.js";
import { createPaint } from "./terminal/paint.js";
import { toPlainJson } from "./terminal/plain-text.js";
import { toTable } from "./terminal/table.js";
import { toTaskColumns } from "./terminal/task-columns.js";

/** As they were written. */
export interface TasksFlags extends Omit<TargetFlags, "id"> {
  readonly status?: string;
  readonly first: string;
  readonly url?: string;
  readonly json?: boolean;
}

const LIST = `query ListTasks($projectName: String!, $filter: TaskFilter, $first: Int) {
  tasks(projectName: $projectName, filter: $filter, first: $first, orderBy: { field: START_TIME, direction: DESC }) {
    nodes { ${TASK_FIELDS} endTime userData tags }
    pageInfo { hasNextPage }
  }
}`;

interface Listed {
  readonly tasks: {
    readonly nodes: readonly SeenTask[];
    readonly pageInfo: { readonly hasNextPage: boolean };
  };
}

const isListed = aShape({
  tasks: aShape({ nodes: aListOf(aSeenTask), pageInfo: aShape({ hasNextPage: aBoolean }) }),
});

const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED"];
const MAX_FIRST = 1_000;

/** @returns the exit code. It never throws. */
export async function listTasks(flags: TasksFlags, environment: Environment, io: CommandIo): Promise<number> {
  try {
    await list(flags, environment, io);
    return 0;
  } catch (thrown) {
    sayFailure(io, thrown);
    return thrown instanceof MalformedAnswerError ? 2 : 1;
  }
}

async function list(flags: TasksFlags, environment: Environment, io: CommandIo): Promise<void> {
  const { stdout, stderr } = io;
  const { projectName, filter } = parseProject(flags);
  stderr.write(hintAtTypes(flags));
  const first = parseFirst(flags.first);
  const status = parseStatus(flags.status);
  const source = await openTaskSource(flags.url, environment, io, () => undefined);
  try {
    const variables = { projectName, filter: { ...filter, ...(status !== undefined && { status }) }, first };
    const { tasks } = await fetchData<Listed>(source, { query: LIST, variables }, isListed);
    const more = tasks.pageInfo.hasNextPage ? `There are more than ${first}: --first shows up to ${MAX_FIRST}.\n` : "";
    if (flags.json === true) {
      stdout.write(`${toPlainJson(tasks.nodes, 2)}\n`);
      stderr.write(more);
      return;
    }
    const isTerminal = stdout.isTTY === true;
    const paint = createPaint(isTerminal, environment);
    const lines = toTable(toTaskColumns(tasks.nodes), (isTerminal && stdout.columns) || Infinity);
    const [title = "", ...rows] = lines;
    stdout.write(tasks.nodes.length === 0 ? "No tasks.\n" : `${[paint.bold(title), ...rows].join("\n")}\n`);
    // Beside the table: whatever reads that gets tasks alone.
    (isTerminal ? stdout : stderr).write(more);
  } finally {
    await source.close();
  }
}

function parseFirst(text: string): number {
  const first = Number(text);
  if (/^\d+$/.test(text) && first >= 1 && first <= MAX_FIRST) return first;
  throw new ConfigurationError(`--first: expected an integer from 1 to ${MAX_FIRST}, got "${text}".`);
}

function parseStatus(text: string | undefined): string | undefined {
  const status = text?.toUpperCase();
  if (status === undefined || STATUSES.includes(status)) return status;
  throw new ConfigurationError(`--status: expected one of ${STATUSES.join(", ")}, got "${text}".`);
}
