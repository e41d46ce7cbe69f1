/**
 * The table of IMM's operations, models and task types, in the wire's own spelling: facts only, no behaviour.
 *
 * One table drives the client's encoding (`wire.ts`), the checks of inputs (`check-input.ts`), the emulator's checks and
 * the schema. An operation is added by adding its row under `operations/`; this file joins the rows by theme and is the
 * only one of them that others import. Vendor spelling (PascalCase) lives here and in `imm/`, nowhere else.
 *
 * @see the `request`, `response` and model definitions of `@alicloud/imm20200930` 5.0.1
 */

import { archiveModels, archiveOperations } from "./archives.js";
import { collectionModels, collectionOperations } from "./collections.js";
import { documentModels, documentOperations } from "./documents.js";
import { highlightModels, highlightOperations } from "./highlight.js";
import { imageModels, imageOperations } from "./images.js";
import { mediaModels, mediaOperations } from "./media.js";
import { mediaTargetModels } from "./media-targets.js";
import { moderationOperations } from "./moderation.js";
import { resultModels, resultOperations } from "./results.js";
import { mutationNameOf } from "./naming.js";
import type { CreateOperation, Evidence, Members, Model, ResultOperation, Shape, Stage } from "./rows.js";
import { sharedModels } from "./shared-members.js";
import { taskReadModels, taskReads } from "./task-reads.js";

export { capitalize, mutationNameOf, schemaNameOf, toCamelCase, typeNameOf, uncapitalize } from "./naming.js";
export {
  describeRange,
  describeShape,
  findBrokenRule,
  fitsInt32,
  isGiven,
  isOssUri,
  isRightList,
  isRightNumber,
  isRightText,
  OSS_URI,
  readNumber,
  travelsAsJson,
  type BrokenRule,
} from "./rules.js";
export type {
  CreateOperation,
  Evidence,
  InputForm,
  InputGroups,
  Member,
  Members,
  Model,
  Operation,
  Parameter,
  Parameters,
  Range,
  ResultOperation,
  Rule,
  Shape,
  Stage,
  Vocabulary,
  WireType,
} from "./rows.js";

/** What IMM calls its API's generation; sent as the header `x-acs-version`. */
export const API_VERSION = "2020-09-30";

/** Days after a task's start when IMM forgets it: GetTask and ListTasks then know it no more. */
export const RETENTION_DAYS = 7;

/** The nested structures that parameters and responses refer to by name. */
export const models = {
  ...taskReadModels,
  ...sharedModels,
  ...archiveModels,
  ...documentModels,
  ...imageModels,
  ...mediaModels,
  ...mediaTargetModels,
  ...highlightModels,
  ...collectionModels,
  ...resultModels,
};

/** The operations that start a task, by action. */
export const createOperations = {
  ...archiveOperations,
  ...documentOperations,
  ...imageOperations,
  ...mediaOperations,
  ...highlightOperations,
  ...collectionOperations,
  ...moderationOperations,
};

/** The operations by action. */
export const operations = { ...taskReads, ...createOperations, ...resultOperations };

export type Action = keyof typeof operations;

export type CreateAction = keyof typeof createOperations;

/** The operations that read what a task came to, by action. */
export { resultOperations };

/** The operation that reads what tasks of a type came to; undefined for a type that has none. */
export function resultOperationOf(taskType: string): ResultOperation | undefined {
  return Object.values<ResultOperation>(resultOperations).find((operation) => operation.taskType === taskType);
}

/** The operation that starts tasks of a type; undefined for a type that none is known to start. */
export function createOperationOf(taskType: string): CreateOperation | undefined {
  return Object.values<CreateOperation>(createOperations).find((operation) => operation.taskType === taskType);
}

/** The model that a shape refers to. */
export function modelOf(shape: Pick<Shape, "model">): Model {
  const model = modelsByName.get(shape.model ?? "");
  if (model === undefined) throw new Error(`The table has no model ${String(shape.model)}.`);
  return model;
}

const modelsByName: ReadonlyMap<string, Model> = new Map<string, Model>(Object.entries(models));

/** One row of the catalogue of task types. */
export interface TaskTypeFacts {
  /** The value of `TaskType` on the wire. It does not follow from the operation's name. */
  readonly name: string;
  /** IMM's operation that starts a task of this type. */
  readonly operation: string;
  readonly mutation: string;
  /** Whether GetTask returns the request definition for this type. */
  readonly hasRequestDefinition: boolean;
  readonly takesTags: boolean;
  readonly takesUserData: boolean;
  readonly takesCredentialConfig: boolean;
  /** The type of the completion event: a third vocabulary. Null when none is listed. */
  readonly eventType: string | null;
  readonly stage: Stage;
  readonly evidence: Evidence;
}

/**
 * The task types that are known, by name: one for each create operation. The vocabulary is open: it has grown before, and
 * a type that is not here passes through.
 *
 * @see the task types page (document 2743993), GetTaskRequest of the SDK for the definition, document 205730 for events
 */
export const taskTypes: readonly TaskTypeFacts[] = Object.values<CreateOperation>(createOperations)
  .map(toTaskTypeFacts)
  .toSorted((a, b) => (a.name < b.name ? -1 : 1));

function toTaskTypeFacts(operation: CreateOperation): TaskTypeFacts {
  const { taskType, action, hasRequestDefinition, eventType, stage, evidence } = operation;
  const request: Members = operation.request;
  return {
    name: taskType,
    operation: action,
    mutation: mutationNameOf(operation),
    hasRequestDefinition,
    takesTags: request["Tags"] !== undefined,
    takesUserData: request["UserData"] !== undefined,
    takesCredentialConfig: request["CredentialConfig"] !== undefined,
    eventType,
    stage,
    evidence,
  };
}
