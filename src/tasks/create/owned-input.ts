/**
 * Marks the task that a create starts as its caller's own, where the caller may start no others. Pure. The mark is what is
 * looked for when a task is shown.
 */

import { isOwn, signTags, signUserData } from "../../access/grants/ownership.js";
import type { Grant } from "../../access/principal.js";
import { BadUserInputError, ForbiddenError } from "../../errors.js";
import type { CreateTaskInput, CreateTaskRequest } from "../../imm/imm-client.js";
import { createOperations } from "../../imm/operations/operations.js";

/**
 * The input with the mark of the first grant whose place the operation has; as it is where it bears one already.
 *
 * @param grants - those to start such a task, each with an owner.
 * @throws ForbiddenError - when the operation takes neither of what marks are made of.
 * @throws BadUserInputError - naming the member that says it is another's, or that holds no JSON object.
 */
export function signInput({ action, input }: CreateTaskRequest, grants: readonly Grant[]): CreateTaskInput {
  const { request } = createOperations[action];
  const { Tags: tags, UserData: userData } = input;
  const owners = grants.flatMap(({ own }) => (own === undefined ? [] : [own]));
  if (owners.some((own) => isOwn(own, { tags, userData }))) return input;
  const own = owners.find((owner) => ("tag" in owner ? "Tags" : "UserData") in request);
  if (own === undefined) {
    throw new ForbiddenError(
      "The caller may start tasks of its own alone, and tasks of this type take no " +
        (owners.some((owner) => "tag" in owner) ? "tags" : "user data") +
        ", by which its own are known.",
    );
  }
  if ("tag" in own) {
    const signed = signTags(own, tags);
    if (signed !== undefined) return { ...input, Tags: signed };
    throw new BadUserInputError("Tags", `Expected the tag \`${own.tag}\` to be the caller's own, or left out.`);
  }
  const signed = signUserData(own, userData);
  if (signed !== undefined) return { ...input, UserData: signed };
  throw new BadUserInputError(
    "UserData",
    `Expected the user data to be a JSON object whose \`${own.userData}\` is the caller's own, or left out.`,
  );
}
