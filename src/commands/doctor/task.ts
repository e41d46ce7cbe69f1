/** Whether the caller may read the task of `--task`, and by which grant: decided by `Tasks`, as every query is. */

import { isOwn } from "../../access/grants/ownership.js";
import { gives } from "../../access/grants/grants.js";
import type { Ownership } from "../../access/principal.js";
import type { Clock } from "../../clock.js";
import { ForbiddenError, NotFoundError } from "../../errors.js";
import { EndableInterest } from "../../interest.js";
import { silentLogger } from "../../log.js";
import type { CommandOptions } from "../../options/options.js";
import { CallTally } from "../../tasks/call-tally.js";
import type { TaskSnapshot } from "../../tasks/snapshot.js";
import { NO_PARTS, type TaskKey } from "../../tasks/task.js";
import { parseTaskIdOf } from "../../tasks/task-id.js";
import { createTaskServices, Tasks } from "../../tasks/tasks.js";
import type { Account } from "./account.js";
import type { Caller, Considered } from "./caller.js";
import { failed, ok, wordsOf, type Finding } from "./check.js";
import { outcomeOf } from "./account.js";
import type { Target } from "./upstream.js";

/** @param id - the global id, as `Task.id` has it. */
export async function checkTask(
  id: string,
  { principal, considered }: Caller,
  { client }: Account,
  { region }: Target,
  options: CommandOptions,
  clock: Clock,
): Promise<Finding> {
  const key = parseTaskIdOf(region, id, "--task");
  const services = createTaskServices({ ...options, client, clock, logger: silentLogger });
  const signal = new EndableInterest();
  const tasks = new Tasks(services, { principal, tally: new CallTally(), signal });
  const outcome = await outcomeOf(tasks.read(key, NO_PARTS));
  const known = services.reader.known(key);
  services.hub.dispose();
  const name = `${key.taskType} ${key.taskId} of ${key.projectName}`;
  const details = considered.map((grant) => `${grant.place} ${judge(grant, key, known)}`);
  if ("answer" in outcome) {
    const giving = considered.filter((grant) => judge(grant, key, known).startsWith(GIVES));
    const by = giving.length === 0 ? "" : `, by ${giving.map(({ place }) => place).join(", ")}`;
    return { checks: [ok("task", `The caller may read ${name}${by}.`, details)] };
  }
  const { refusal } = outcome;
  if (refusal instanceof ForbiddenError && refusal.imm === undefined) {
    const cure = "Add a grant for that project and type to the access file, or the project to IMM_PROJECTS.";
    return { checks: [failed("task", `The caller may not read ${name}: ${refusal.message}`, cure, details)] };
  }
  if (refusal instanceof NotFoundError && known !== undefined) {
    const cure =
      "Give it a grant without `own`, or start tasks so that they are marked as the caller's: docs/access.md, own tasks.";
    return {
      checks: [failed("task", `The caller gets NOT_FOUND for ${name}: it is not the caller's own.`, cure, details)],
    };
  }
  const cure = "Is it younger than 7 days? `--task` is the `id` of a task, as a query shows it.";
  return { checks: [failed("task", `${name} cannot be read by any caller: ${wordsOf(refusal)}`, cure, details)] };
}

const GIVES = "gives the right to read it";

/** What a grant says of the task, with the grant as the subject. */
function judge({ grant, reason }: Considered, key: TaskKey, known: TaskSnapshot | undefined): string {
  if (grant === undefined) return `is not the caller's: ${reason ?? "it does not match."}`;
  const { projectName, taskType } = key;
  if (!gives(grant, "read", {})) return "does not allow `read`.";
  if (!gives(grant, "read", { projectName })) {
    const names = grant.projects.map(({ name, isPrefix }) => (isPrefix ? `${name}*` : name));
    return `is for ${names.join(", ")}, not for ${projectName}.`;
  }
  if (!gives(grant, "read", key)) return `is for ${grant.taskTypes?.join(", ")}, not for ${taskType}.`;
  const { own } = grant;
  if (own === undefined) return `${GIVES}.`;
  if (known === undefined) return `is for tasks whose ${placeOf(own)} is ${own.equals}.`;
  const { tags, userData } = known.facts;
  return isOwn(own, { tags, userData })
    ? `${GIVES}: the ${placeOf(own)} is ${own.equals}.`
    : `is for the caller's own tasks, and the ${placeOf(own)} of this one is not ${own.equals}.`;
}

function placeOf(own: Ownership): string {
  return "tag" in own ? `tag \`${own.tag}\`` : `member ${own.userData} of the user data`;
}
