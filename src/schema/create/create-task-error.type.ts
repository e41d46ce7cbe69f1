/**
 * Why a create started no task, or none that is known: the failures that a client meets in the ordinary course, as data of
 * the payload. Whatever else fails (access, throttling, outages, defects) stays an error of the request.
 */

import { Field, Int, ObjectType } from "type-graphql";
import {
  BadUserInputError,
  IdempotencyKeyReusedError,
  NotFoundError,
  OutcomeUnknownError,
  type GatewayError,
} from "../../errors.js";
import { makeEnum } from "../table-types.js";

const CreateTaskErrorCode = makeEnum("CreateTaskErrorCode", "Why a create gave no task. More reasons may come.", {
  INVALID_INPUT: "The input cannot be worked on, by the gateway's check or by IMM's. Nothing was started: correct it.",
  PROJECT_NOT_FOUND: "IMM knows no such project in the gateway's region. Nothing was started.",
  IDEMPOTENCY_KEY_REUSED:
    "The key was used with another input in the last 24 hours. Nothing was started: take a new key.",
  OUTCOME_UNKNOWN:
    "IMM's answer was lost: a task may have been started, and billed. Repeat the create with the same `idempotencyKey`, after `retryAfterMs` where there is one. Without a key list the project's tasks first, or there may be two.",
});

@ObjectType({ simpleResolvers: true, description: "Why a create gave no task." })
export class CreateTaskError {
  @Field(() => CreateTaskErrorCode, { description: "The reason, for programs." })
  readonly code!: keyof typeof CreateTaskErrorCode;

  @Field(() => String, { description: "The reason, for people, in English. Never repeats a value of the input." })
  readonly message!: string;

  @Field(() => [String], {
    nullable: true,
    description:
      'Where in the arguments the reason is, from the argument on, list indices as text: `["input", "sources", "0", "uri"]`. Null when IMM did not say.',
  })
  readonly path!: readonly string[] | null;

  @Field(() => Int, {
    nullable: true,
    description: "Milliseconds after which repeating makes sense; null where the time makes no difference.",
  })
  readonly retryAfterMs!: number | null;
}

/**
 * The error of a payload that stands for what a create threw; undefined where that is an error of the request.
 *
 * @param toArgument - from the name that a refusal gives, by IMM or for the key, to the mutation's argument.
 */
export function toCreateTaskError(
  thrown: GatewayError,
  toArgument: (name: string) => string,
): CreateTaskError | undefined {
  const { message } = thrown;
  const retryAfterMs = thrown.retryAfterMs === undefined ? null : Math.ceil(thrown.retryAfterMs);
  if (thrown instanceof OutcomeUnknownError) return { code: "OUTCOME_UNKNOWN", message, path: null, retryAfterMs };
  if (thrown instanceof NotFoundError) {
    return thrown.isOfProject
      ? { code: "PROJECT_NOT_FOUND", message, path: toPath(toArgument("projectName")), retryAfterMs }
      : { code: "INVALID_INPUT", message: "IMM does not find what the input names.", path: null, retryAfterMs };
  }
  if (!(thrown instanceof BadUserInputError)) return undefined;
  const code = thrown instanceof IdempotencyKeyReusedError ? "IDEMPOTENCY_KEY_REUSED" : "INVALID_INPUT";
  const { argument: name } = thrown;
  if (name === null) return { code, message, path: null, retryAfterMs };
  const argument = /^input\b/.test(name) ? name : toArgument(name);
  return {
    code,
    message: message.replace(`\`${name}\``, () => `\`${argument}\``),
    path: toPath(argument),
    retryAfterMs,
  };
}

/** `input.sources[3].uri` as its steps. */
function toPath(argument: string): readonly string[] {
  return argument.split(/[.[\]]+/).filter((step) => step !== "");
}
