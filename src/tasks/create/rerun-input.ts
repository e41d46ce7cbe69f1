/**
 * From a task's recorded definition back to what the create takes that would start it again; both are in IMM's spelling,
 * and words that the schema does not know pass. Pure. What it reads holds
 * the secrets of the definition: it goes into a create's input and nowhere else, and no error repeats a value.
 */

import { BadUserInputError, GatewayError, NotFoundError } from "../../errors.js";
import { checkInput } from "../../imm/wire/check-input.js";
import { wireInputOf } from "../../imm/wire/create-inputs.js";
import type { CreateTaskInput, CreateTaskRequest } from "../../imm/imm-client.js";
import {
  createOperationOf,
  isGiven,
  modelOf,
  type CreateAction,
  type CreateOperation,
  type Members,
  type Shape,
} from "../../imm/operations/operations.js";
import { decodeMembers, WireShapeError } from "../../imm/wire/wire.js";
import { isRecord, parseExact } from "../../json.js";
import { withoutTag } from "./idempotency-tag.js";
import { parseDefinition } from "../definition/request-definition.js";
import { factOf, partOf, type TaskSnapshot } from "../snapshot.js";

/**
 * The create that would start such a task again.
 *
 * @param read - the task with its definition; called only where its type can be started again.
 * @throws BadUserInputError - naming `input.id`, when it cannot, or IMM knows no such task: a fault of the id, not of a project.
 * @throws GatewayError - as `read` and `toRerunInput` do.
 */
export async function rerunRequestOf(taskType: string, read: () => Promise<TaskSnapshot>): Promise<CreateTaskRequest> {
  const operation = createOperationOf(taskType);
  if (operation?.hasRequestDefinition !== true) throw unfit("of a type whose definition IMM gives");
  const snapshot = await read().catch((thrown: unknown) => {
    throw thrown instanceof NotFoundError
      ? new BadUserInputError("input.id", thrown.message, { imm: thrown.imm })
      : thrown;
  });
  return { action: operation.action as CreateAction, input: toRerunInput(operation, snapshot) };
}

/**
 * The input, as `operation` takes it. Tags by which the gateway marked the task are not the new one's.
 *
 * @throws BadUserInputError - naming `input.id`, when the definition is not there or holds what the operation does not take.
 * @throws InvalidDefinitionError - when it is nested too deep.
 * @throws GatewayError - when IMM gave the definition, the user data or the tags in another shape than documented.
 */
function toRerunInput(operation: CreateOperation, snapshot: TaskSnapshot): CreateTaskInput {
  const { request } = operation;
  // One without its secrets would start another task.
  const text = snapshot.isRedacted ? null : recordedOf(partOf(snapshot, "definition"));
  const definition = text === null ? null : parseDefinition(text);
  if (!isRecord(definition)) throw unfit("whose definition IMM has recorded as an object");
  const { projectName } = snapshot.key;
  const recorded = {
    ...(request["UserData"] !== undefined && { UserData: recordedOf(factOf(snapshot, "userData")) }),
    ...(request["Tags"] !== undefined && { Tags: recordedOf(factOf(snapshot, "tags")) }),
    ...Object.fromEntries(Object.entries(definition).filter(([, value]) => isGiven(value))),
    ProjectName: projectName,
  };
  const wire = toWireValues(request, recorded, "");
  const { Tags: _tags, ...others } = decode(request, wire);
  const Tags = withoutTag(wire["Tags"]);
  const input = { ...others, ...(Tags !== undefined && { Tags }), ProjectName: projectName };
  const violation = checkInput(wireInputOf(operation), input);
  if (violation !== null) {
    throw unfit(`whose definition has \`${violation.path}\` as ${violation.expected}`);
  }
  return input;
}

/** What IMM has recorded. What the gateway cannot read of it must not be missing in the new task. */
function recordedOf<T>(given: T | GatewayError): T {
  if (given instanceof GatewayError) throw given;
  return given;
}

/** The members that have a value, nested JSON text read. Refuses those that the table does not know: none may be lost. */
function toWireValues(
  members: Members,
  recorded: Readonly<Record<string, unknown>>,
  path: string,
): Record<string, unknown> {
  const wire: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(recorded)) {
    if (!isGiven(value)) continue;
    const member = Object.hasOwn(members, name) ? members[name] : undefined;
    if (member === undefined) throw unfit(`whose definition is without \`${path}${name}\`, which no create takes`);
    wire[name] = toWireValue(member, value, path + name);
  }
  return wire;
}

function toWireValue(shape: Shape, recorded: unknown, path: string): unknown {
  const { type, items } = shape;
  // Parameters with members travel as JSON text, and may be recorded as they travelled.
  const value = typeof recorded === "string" && type !== "string" ? parseOrKeep(recorded) : recorded;
  if (type === "array" && items !== undefined && Array.isArray(value)) {
    return value.map((item, index) => toWireValue(items, item, `${path}[${index}]`));
  }
  if (type === "object" && isRecord(value)) return toWireValues(modelOf(shape).members, value, `${path}.`);
  return value;
}

function decode(request: Members, wire: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    return decodeMembers(request, wire, { path: "definition", maxMisfits: 0, keepsDigits: true });
  } catch (thrown) {
    if (!(thrown instanceof WireShapeError)) throw thrown;
    throw unfit("whose definition has its members in the documented types", thrown);
  }
}

function unfit(expected: string, cause?: unknown): BadUserInputError {
  return new BadUserInputError("input.id", `Expected \`input.id\` to be that of a task ${expected}.`, { cause });
}

function parseOrKeep(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}
