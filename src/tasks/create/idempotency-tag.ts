/**
 * What the gateway recognizes a repeated create by: digests of its key and of its input, and the tags that carry them to
 * IMM, where a task can be found again by them after its answer was lost or the gateway was restarted. Pure.
 */

import { createHmac } from "node:crypto";
import { BadUserInputError, IdempotencyKeyReusedError } from "../../errors.js";
import type { CreateTaskInput } from "../../imm/imm-client.js";
import type { CreateAction } from "../../imm/operations/operations.js";
import { isExactNumber, stringifyExact } from "../../json.js";
import { sha256 } from "../../sha256.js";
import type { TaskSnapshot } from "../snapshot.js";

/** The tag that says which key started a task. */
export const KEY_TAG = "imm-graphql-idempotency";
/** The tag that says with which input. */
export const INPUT_TAG = "imm-graphql-input";

/** Digests, each of 32 hexadecimal digits. */
export interface IdempotencyTag {
  /** Of the key, and of what it holds for: the caller, the project, the action. */
  readonly key: string;
  readonly input: string;
}

/** What a create is marked by. */
export interface TaggedRequest {
  readonly action: CreateAction;
  readonly input: CreateTaskInput;
  readonly idempotencyKey: string;
  readonly caller: string;
}

/** The mark of a create. */
export function tagOf({ action, input, idempotencyKey, caller }: TaggedRequest): IdempotencyTag {
  const scope = JSON.stringify([caller, input.ProjectName, action, idempotencyKey]);
  // Keyed, since each client that may list the tasks sees the tag: an input can hold a password, which a bare digest would
  // let them try out.
  const digest = createHmac("sha256", idempotencyKey).update(toCanonicalJson(input));
  return {
    key: sha256(scope).slice(0, 32),
    input: digest.digest("hex").slice(0, 32),
  };
}

/** The input with the tags of its mark. The type must take tags. */
export function withTag(input: CreateTaskInput, tag: IdempotencyTag): CreateTaskInput {
  return { ...input, Tags: { ...toRecord(input["Tags"]), [KEY_TAG]: tag.key, [INPUT_TAG]: tag.input } };
}

/** The tags without those of a mark; undefined when no other is left. */
export function withoutTag(tags: unknown): Readonly<Record<string, unknown>> | undefined {
  const others = Object.entries(toRecord(tags)).filter(([name]) => name !== KEY_TAG && name !== INPUT_TAG);
  return others.length === 0 ? undefined : Object.fromEntries(others);
}

/**
 * Refuses tags that only the gateway may set.
 *
 * @throws BadUserInputError - naming the argument.
 */
export function checkOwnTags({ Tags }: CreateTaskInput): void {
  const taken = [KEY_TAG, INPUT_TAG].find((name) => Object.hasOwn(toRecord(Tags), name));
  if (taken === undefined) return;
  throw new BadUserInputError(
    "input.tags",
    `Expected \`input.tags\` to be without \`${taken}\`, which the gateway sets.`,
  );
}

/** Whether a task was started by the key of this mark. */
export function hasKeyOf({ facts: { tags } }: TaskSnapshot, tag: IdempotencyTag): boolean {
  return tags?.[KEY_TAG] === tag.key;
}

/**
 * Refuses a key that was used with another input.
 *
 * @throws IdempotencyKeyReusedError - naming the argument.
 */
export function checkSameInput(usedWith: unknown, tag: IdempotencyTag): void {
  if (usedWith !== tag.input) throw keyReused();
}

export function keyReused(): IdempotencyKeyReusedError {
  return new IdempotencyKeyReusedError(
    "idempotencyKey",
    "Expected `idempotencyKey` to be new, or the input to be the one that it was first used with.",
  );
}

/** The same text for the same value, in whatever order its members stand. Members without a value do not count. */
function toCanonicalJson(value: unknown): string {
  return stringifyExact(value, (_name, member) => {
    if (typeof member !== "object" || member === null || Array.isArray(member) || isExactNumber(member)) return member;
    const entries = Object.entries(member).filter(([, inner]) => inner !== null && inner !== undefined);
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
