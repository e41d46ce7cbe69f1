/**
 * The mutations that start tasks: one for each create operation of the table, its input checked by the table before any
 * call. None of them is ever repeated by the gateway where a task may have been started.
 */

import { Arg, Ctx, Field, ID, InputType, Mutation, Resolver, type ClassType } from "type-graphql";
import { BadUserInputError, GatewayError } from "../../errors.js";
import { checkInput } from "../../imm/wire/check-input.js";
import { schemaInputOf, toWireInput } from "../../imm/wire/create-inputs.js";
import type { CreateTaskInput } from "../../imm/imm-client.js";
import {
  capitalize,
  createOperations,
  mutationNameOf,
  type CreateAction,
  type CreateOperation,
} from "../../imm/operations/operations.js";
import { isTooLarge } from "../../json.js";
import { checkOwnTags } from "../../tasks/create/idempotency-tag.js";
import { parseTaskIdOf } from "../../tasks/task-id.js";
import type { StartOutcome } from "../../tasks/create/task-starter.js";
import { parseName } from "../../tasks/task.js";
import type { Tasks } from "../../tasks/tasks.js";
import type { GatewayContext } from "../context.js";
import { toCreateTaskError } from "./create-task-error.type.js";
import { CreateTaskPayload } from "./create-task.payload.js";
import { makeInputType } from "../table-types.js";

/** A create's input as it comes in: the members of the operation, and one that is the gateway's. */
type GivenInput = Readonly<Record<string, unknown>> & {
  readonly projectName: string;
  readonly idempotencyKey?: string | null;
};

const STAGE_NOTES = {
  general: "",
  "public-preview": " In public preview.",
  "invitational-preview": " Only for accounts that IMM has invited.",
} as const;

const IDEMPOTENCY_KEY =
  "A text of yours, such as a UUID, that makes repeating safe: for 24 hours the same key with the same input answers the task that it started first, instead of starting another. With another input it is an error.";

/** The explanation stands once, not with each create. */
const IDEMPOTENCY_KEY_OF_CREATE =
  "A text such as a UUID that makes repeating safe for 24 hours, as `RerunTaskInput` explains.";

/** As JSON text. Checking, signing and sending it take time for each byte. */
const MAX_INPUT_BYTES = 524_288;

@InputType({ description: "A task that is to run again." })
class RerunTaskInput {
  @Field(() => ID, { description: "The global id of the task that is the pattern." })
  readonly id!: string;

  @Field(() => String, { nullable: true, description: IDEMPOTENCY_KEY })
  readonly idempotencyKey?: string | null;
}

@Resolver()
export class CreateTaskResolver {
  @Mutation(() => CreateTaskPayload, {
    nullable: true,
    description:
      "Starts a task once more, from its recorded definition. Only for the types whose definition IMM gives: see `taskTypes`. What the definition holds of secrets is passed on and not shown.",
  })
  async rerunTask(
    @Arg("input", () => RerunTaskInput, { description: "Which task is to run again." })
    { id, idempotencyKey }: RerunTaskInput,
    @Ctx() { tasks, region }: GatewayContext,
  ): Promise<CreateTaskPayload> {
    return answer(
      tasks,
      async () => {
        const parsedKey = parseIdempotencyKey("input.idempotencyKey", idempotencyKey);
        return tasks.rerun(parseTaskIdOf(region, id, "input.id"), parsedKey);
      },
      (name) => (name === "idempotencyKey" ? `input.${name}` : "input.id"),
    );
  }
}

for (const [action, operation] of Object.entries(createOperations)) addMutation(action as CreateAction, operation);

function addMutation(action: CreateAction, operation: CreateOperation): void {
  const name = mutationNameOf(operation);
  const resolvers: object = CreateTaskResolver.prototype;
  const resolver: PropertyDescriptor = {
    value: async (input: GivenInput, context: GatewayContext) => createTask(action, operation, input, context),
  };
  Object.defineProperty(resolvers, name, resolver);
  const Input = makeCreateInput(operation);
  Arg("input", () => Input, { description: `The parameters of IMM's ${action}.` })(resolvers, name, 0);
  Ctx()(resolvers, name, 1);
  Mutation(() => CreateTaskPayload, {
    // One of several creates that fails must not take the ids of the others, which run and are paid for, with it.
    nullable: true,
    description: `${operation.description}${STAGE_NOTES[operation.stage]}`,
  })(resolvers, name, resolver);
}

function makeCreateInput(operation: CreateOperation): ClassType {
  const Input = makeInputType(schemaInputOf(operation), `${capitalize(mutationNameOf(operation))}Input`);
  Field(() => String, { nullable: true, description: IDEMPOTENCY_KEY_OF_CREATE })(Input.prototype, "idempotencyKey");
  return Input;
}

async function createTask(
  action: CreateAction,
  operation: CreateOperation,
  { idempotencyKey, ...given }: GivenInput,
  { tasks }: GatewayContext,
): Promise<CreateTaskPayload> {
  return answer(
    tasks,
    async () => {
      const input = parseInput(operation, given);
      const parsedKey = parseIdempotencyKey("input.idempotencyKey", idempotencyKey);
      return tasks.start({ action, input, idempotencyKey: parsedKey });
    },
    (name) => `input.${toMember(operation, name)}`,
  );
}

/**
 * The input as IMM spells it.
 *
 * @throws BadUserInputError - naming the member at fault.
 */
function parseInput(operation: CreateOperation, given: GivenInput): CreateTaskInput {
  if (isTooLarge(given, MAX_INPUT_BYTES)) {
    throw new BadUserInputError("input", `Expected \`input\` to have at most ${MAX_INPUT_BYTES} bytes as JSON.`);
  }
  const structure = schemaInputOf(operation);
  const violation = checkInput(structure, given);
  if (violation !== null) {
    const argument = `input.${violation.path}`;
    throw new BadUserInputError(argument, `Expected \`${argument}\` to be ${violation.expected}.`);
  }
  const ProjectName = parseName("input.projectName", given.projectName);
  const input: CreateTaskInput = { ...toWireInput(structure, given), ProjectName };
  checkOwnTags(input);
  return input;
}

/**
 * The payload: with the task that `start` gives, or with what a client is to expect of a create that failed.
 *
 * @param toArgument - from the name that a refusal gives, by IMM or for the key, to the mutation's argument.
 */
async function answer(
  tasks: Tasks,
  start: () => Promise<StartOutcome>,
  toArgument: (name: string) => string,
): Promise<CreateTaskPayload> {
  tasks.checkStart();
  try {
    return new CreateTaskPayload(await start());
  } catch (thrown) {
    const userError = thrown instanceof GatewayError ? toCreateTaskError(thrown, toArgument) : undefined;
    if (!(thrown instanceof GatewayError) || userError === undefined) throw thrown;
    return new CreateTaskPayload({ userError, requestId: thrown.imm?.requestId ?? null });
  }
}

/** The member of the input that IMM's refusal names: `sourceURI` is `sourceUri`. */
function toMember(operation: CreateOperation, name: string): string {
  const way = schemaInputOf(operation).ways.get(capitalize(name));
  return way === undefined ? name : way.map((field) => field.name).join(".");
}

/** @throws BadUserInputError - when it is empty, too long, or holds control characters. */
function parseIdempotencyKey(argument: string, key: string | null | undefined): string | undefined {
  return key === null || key === undefined ? undefined : parseName(argument, key);
}
