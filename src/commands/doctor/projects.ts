/**
 * Whether the projects are there, and what the account may read in them. A right is there when IMM answers anything but a denial:
 * for a task that there is none of, that it is not found. What starts tasks is never tried.
 */

import { ForbiddenError, NotFoundError } from "../../errors.js";
import type { ImmTaskPage } from "../../imm/imm-client.js";
import { resultOperations, type ResultOperation } from "../../imm/operations/operations.js";
import { isUnknown, outcomeOf, type Account, type Outcome } from "./account.js";
import { failed, ok, skipped, warning, wordsOf, type Check, type Finding } from "./check.js";
import type { Target } from "./upstream.js";

/** Six calls each. */
const MAX_PROJECTS = 10;
/** Of a task that is none. */
const NO_TASK = { taskType: "FileCompression", taskId: "imm-graphql-doctor" };

/** What one read says. */
interface Right {
  /** IMM's action, as a policy names it. */
  readonly action: string;
  readonly outcome: Outcome<unknown>;
}

export async function checkProjects(
  account: Account,
  target: Target,
  projects: readonly string[],
  signal: AbortSignal,
): Promise<Finding> {
  if (projects.length === 0) {
    return { checks: [skipped("project", "No project is named: set IMM_PROJECTS, and each is looked at.")] };
  }
  const asked = projects.slice(0, MAX_PROJECTS);
  const checks = await Promise.all(asked.map(async (name) => checkProject(account, target, name, signal)));
  const rest = projects.length - asked.length;
  const cut =
    rest === 0 ? [] : [skipped("project", `${rest} further projects: the first ${MAX_PROJECTS} are asked for.`)];
  return { checks: [...checks.flat(), ...cut] };
}

async function checkProject(
  account: Account,
  { region, isEmulator }: Target,
  projectName: string,
  signal: AbortSignal,
): Promise<Check[]> {
  const id = `project:${projectName}`;
  const listing = await account.list(projectName);
  const missing = failed(
    id,
    `IMM knows no project ${projectName} in the region ${region}.`,
    `Correct IMM_PROJECTS${isEmulator ? "" : " or IMM_REGION, or create the project there"}: names are of one region, and capitals count.`,
  );
  if (isMissing(listing)) return [missing];
  const rights = await readRights(account, projectName, listing, signal);
  if (rights.some(({ outcome }) => isMissing(outcome))) return [missing];
  const known = rights.filter((right) => !isOpen(right));
  const denied = known.filter(({ outcome }) => "refusal" in outcome && outcome.refusal instanceof ForbiddenError);
  if (known.length === 0) {
    const details = rights.map(describeOpen);
    return [warning(id, `Of the project ${projectName} nothing could be read now.`, "Ask again later.", details)];
  }
  const resource = `acs:imm:${region}:*:project/${projectName}`;
  if (denied.length === known.length) {
    const cure = `Allow the actions on ${resource} in a policy of the RAM user or role: docs/operating.md has one.`;
    return [failed(id, `The account may read nothing of the project ${projectName}, or there is none.`, cure)];
  }
  return [ok(id, `The project ${projectName} is there.`), checkRights(projectName, resource, rights, denied)];
}

/** Whether it is not known. */
function isOpen({ outcome }: Right): boolean {
  return "refusal" in outcome && isUnknown(outcome.refusal);
}

function describeOpen({ action, outcome }: Right): string {
  return `imm:${action} is not known: ${"refusal" in outcome ? wordsOf(outcome.refusal) : ""}`;
}

async function readRights(
  { client }: Account,
  projectName: string,
  listing: Outcome<ImmTaskPage>,
  signal: AbortSignal,
): Promise<Right[]> {
  const task = ("answer" in listing ? listing.answer.tasks[0] : undefined) ?? NO_TASK;
  const { taskType, taskId } = task;
  const results = Object.values<ResultOperation>(resultOperations).map(async ({ action, taskType }): Promise<Right> => {
    const key = { projectName, taskType, taskId: NO_TASK.taskId };
    return { action, outcome: await outcomeOf(client.getResult(key, { signal })) };
  });
  const get = outcomeOf(client.getTask({ projectName, taskType, taskId }, { signal }));
  return [
    { action: "ListTasks", outcome: listing },
    { action: "GetTask", outcome: await get },
    ...(await Promise.all(results)),
  ];
}

function isMissing(outcome: Outcome<unknown>): boolean {
  return "refusal" in outcome && outcome.refusal instanceof NotFoundError && outcome.refusal.isOfProject;
}

/** What is not to be had without a right. */
const EFFECTS: Readonly<Record<string, string>> = {
  GetTask: "no task can be read",
  ListTasks: "`tasks` and `projectEvents` are FORBIDDEN, `progress` is null, and idempotency keys are refused",
};

function checkRights(projectName: string, resource: string, rights: readonly Right[], denied: readonly Right[]): Check {
  const id = `rights:${projectName}`;
  const open = rights.filter(isOpen).map(describeOpen);
  if (denied.length === 0) {
    return open.length === 0
      ? ok(id, `The account may list and read tasks of ${projectName}, and read their results.`)
      : warning(id, `Not every right to read ${projectName} could be found out.`, "Ask again later.", open);
  }
  const actions = denied.map(({ action }) => action);
  const effects = actions.map(
    (action) => `imm:${action} is denied: ${EFFECTS[action] ?? "`result` of its tasks is FORBIDDEN"}.`,
  );
  const message = `Of ${rights.length} reads of ${projectName} ${denied.length === 1 ? "one is" : `${denied.length} are`} denied to the account.`;
  const names = actions.map((action) => `imm:${action}`).join(", ");
  // By IMM's documentation it is granted on * alone.
  const where = actions.every((action) => action === "GetDecodeBlindWatermarkResult") ? "*" : resource;
  const cure = `Allow ${names} on ${where} in a policy of the RAM user or role; docs/operating.md has one.`;
  const details = [...effects, ...open];
  return actions.includes("GetTask") ? failed(id, message, cure, details) : warning(id, message, cure, details);
}

/** What is not tried. */
export function checkCreates(readOnly: boolean): Finding {
  const why = "Rights to start tasks are never tried: each would start a task and cost money.";
  return { checks: [skipped("creates", readOnly ? `${why} READ_ONLY=true refuses them anyway.` : why)] };
}
