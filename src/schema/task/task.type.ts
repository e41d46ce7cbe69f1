/**
 * The Task of the schema: a snapshot seen through GraphQL. Every field is read off the snapshot, so an event of a watch
 * resolves from its own payload and a task costs nothing beyond the read that brought it. The one exception is the event
 * id of a listed task, which a list does not have.
 */

import { Field, ID, Int, ObjectType } from "type-graphql";
import { elapsedMs, expiresAtMs, factOf, isFinal, partOf, type TaskSnapshot } from "../../tasks/snapshot.js";
import { idOf } from "../../tasks/task-id.js";
import { NO_PARTS } from "../../tasks/task.js";
import { estimatedRestMs } from "../../tasks/read/typical-durations.js";
import type { GatewayContext } from "../context.js";
import { Node } from "./node.type.js";
import { GraphQLDateTime, GraphQLJSON, GraphQLJSONObject } from "../scalars.js";
import { TaskError } from "./task-error.type.js";
import { TaskResult, toTaskResult } from "./task-result.union.js";
import { TaskStatus } from "./task-status.enum.js";

/** A value, or the error that stands in its place, at its field alone. */
type OrError<T> = T | Error;

/** A value that a task has only after a read, where its snapshot was not made to hold it. */
type Later<T> = T | Promise<T>;

/** What shows a task, and reads what its snapshot does not hold. */
export type TaskView = Pick<GatewayContext, "region" | "tasks">;

@ObjectType({
  implements: Node,
  simpleResolvers: true,
  description: "An asynchronous task of IMM, as it was last seen. IMM forgets a task seven days after its start.",
})
export class Task extends Node {
  readonly #snapshot: TaskSnapshot;
  readonly #view: TaskView;
  readonly #isPartial: boolean;

  /**
   * @param isPartial - whether the snapshot was not made to hold all that was selected: the rest is read.
   */
  constructor(snapshot: TaskSnapshot, view: TaskView, isPartial = false) {
    super();
    this.#snapshot = snapshot;
    this.#view = view;
    this.#isPartial = isPartial;
  }

  @Field(() => ID, {
    description: "Global id, made of region, project, type and task id. Opaque; good for `node` and for caches.",
  })
  override get id(): string {
    return idOf(this.#view.region, this.#snapshot.key);
  }

  @Field(() => String, {
    description:
      "The region of IMM that the task belongs to, for example cn-hangzhou. Names are unique within a region.",
  })
  get region(): string {
    return this.#view.region;
  }

  @Field(() => String, { description: "The IMM project that the task belongs to." })
  get projectName(): string {
    return this.#snapshot.key.projectName;
  }

  @Field(() => String, { description: "The task type as IMM spells it, for example FileCompression." })
  get taskType(): string {
    return this.#snapshot.key.taskType;
  }

  @Field(() => String, { description: "The id that IMM gave the task when it was created." })
  get taskId(): string {
    return this.#snapshot.key.taskId;
  }

  @Field(() => TaskStatus, { description: "The state of the task." })
  get status(): keyof typeof TaskStatus {
    return this.#snapshot.status;
  }

  @Field(() => String, {
    description: "IMM's own word for the state, as IMM wrote it, for example Running; empty where IMM gave none.",
  })
  get statusText(): string {
    return this.#snapshot.statusText;
  }

  @Field(() => Boolean, {
    description: "Whether the task has ended, well or not. A task that has ended never changes again.",
  })
  get isDone(): boolean {
    return isFinal(this.#snapshot);
  }

  @Field(() => Int, {
    nullable: true,
    description:
      "Percent, 0 to 100, while the task is RUNNING, null when IMM does not say; 100 once SUCCEEDED; null in every other state. Selecting it on a running task costs a ListTasks call.",
  })
  get progress(): Later<OrError<number | null>> {
    const { status } = this.#snapshot;
    if (status !== "RUNNING" && status !== "SUCCEEDED") return null;
    return this.#snapshot.progressError ?? partOf(this.#snapshot, "progress");
  }

  @Field(() => TaskError, { nullable: true, description: "Why the task failed; null unless `status` is FAILED." })
  get error(): TaskError | null {
    return this.#snapshot.status === "FAILED"
      ? { code: factOf(this.#snapshot, "code"), message: factOf(this.#snapshot, "message") }
      : null;
  }

  @Field(() => String, {
    nullable: true,
    description:
      "IMM's code for the outcome, for example ResourceNotFound, in any state; null when empty. `error` has it for a failed task.",
  })
  get code(): OrError<string | null> {
    return factOf(this.#snapshot, "code");
  }

  @Field(() => String, {
    nullable: true,
    description: "IMM's message about the outcome, in any state; null when empty. `error` has it for a failed task.",
  })
  get message(): OrError<string | null> {
    return factOf(this.#snapshot, "message");
  }

  @Field(() => GraphQLDateTime, { nullable: true, description: "When the task started." })
  get startTime(): Later<OrError<string | null>> {
    return factOf(this.#snapshot, "startTime");
  }

  @Field(() => GraphQLDateTime, { nullable: true, description: "When the task ended; null while it runs." })
  get endTime(): OrError<string | null> {
    return factOf(this.#snapshot, "endTime");
  }

  @Field(() => Int, {
    nullable: true,
    description:
      "Milliseconds from the start to the end, or to `observedAt` while the task runs. Null when IMM gives no start.",
  })
  get elapsedMs(): Later<number | null> {
    return elapsedMs(this.#snapshot);
  }

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "When IMM forgets the task: seven days after `startTime`.",
  })
  get expiresAt(): Later<string | null> {
    const expiresAt = expiresAtMs(this.#snapshot);
    return expiresAt === null ? null : new Date(expiresAt).toISOString();
  }

  @Field(() => String, {
    // It may have to be read.
    simple: false,
    nullable: true,
    description:
      "The id of the event that IMM publishes when the task ends. Selecting it in a list costs one more call to IMM for each task.",
  })
  get eventId(): Later<OrError<string | null>> {
    const { key, hasAskedEventId } = this.#snapshot;
    if (hasAskedEventId || !this.#isPartial) return partOf(this.#snapshot, "eventId");
    return this.#view.tasks
      .read(key, { ...NO_PARTS, eventId: true })
      .then((complete) => new Task(complete, this.#view).eventId);
  }

  @Field(() => String, {
    nullable: true,
    description: "IMM's id of the call that this task was read by. Quote it to Alibaba Cloud's support.",
  })
  get requestId(): string | null {
    return this.#snapshot.requestId;
  }

  @Field(() => String, {
    nullable: true,
    description: "The free text given at creation, as it is; `userDataJson` is the same, parsed.",
  })
  get userData(): OrError<string | null> {
    return factOf(this.#snapshot, "userData");
  }

  @Field(() => GraphQLJSON, { nullable: true, description: "`userData`, parsed; null where the text is not JSON." })
  get userDataJson(): unknown {
    const userData = factOf(this.#snapshot, "userData");
    return typeof userData === "string" ? this.#view.tasks.jsonOf(userData) : userData;
  }

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: "The tags given at creation, as an object of names and values.",
  })
  get tags(): OrError<Readonly<Record<string, unknown>> | null> {
    return factOf(this.#snapshot, "tags");
  }

  @Field(() => GraphQLJSON, {
    nullable: true,
    description:
      "The parameters that the task was created with, parsed, in IMM's spelling (`SourceURI`, not `sourceUri`), passwords and role names redacted. Null where IMM does not give them, as for some types, and where its text is not JSON: `requestDefinitionText` has it.",
  })
  get requestDefinition(): unknown {
    const definition = this.#view.tasks.definitionOf(this.#snapshot);
    return definition instanceof Error ? definition : definition?.value;
  }

  @Field(() => String, {
    nullable: true,
    description:
      "The same as text, as IMM wrote it, redacted in the same way; text that is not JSON ends before the first word that may name a secret.",
  })
  get requestDefinitionText(): Later<OrError<string | null>> {
    const definition = this.#view.tasks.definitionOf(this.#snapshot);
    return definition === null || definition instanceof Error ? definition : definition.text;
  }

  @Field(() => [String], {
    nullable: true,
    description:
      "The OSS URIs that the task writes to, by its definition, for example oss://examplebucket/archive.zip. One may be a prefix of what is written. Null for types whose definition IMM does not give, and where it is not JSON.",
  })
  get outputs(): Later<OrError<readonly string[] | null>> {
    return this.#view.tasks.outputsOf(this.#snapshot);
  }

  @Field(() => TaskResult, {
    simple: false,
    nullable: true,
    description:
      "The result of the task. Null unless `status` is SUCCEEDED, and for types whose results IMM does not give. Selecting it costs at most one call to IMM for each task.",
  })
  async result(): Promise<object | null> {
    const result = await this.#view.tasks.result(this.#snapshot, this.#isPartial);
    return result === null ? null : toTaskResult(this.#snapshot.key.taskType, result);
  }

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description:
      "When the task is expected to end: estimated from its own speed once `progress` is 25 or more, before that from earlier tasks of its type. Null when there is nothing to estimate from, when that time has passed, and once the task has ended.",
  })
  get estimatedEndAt(): string | null {
    if (isFinal(this.#snapshot)) return null;
    const restMs = estimatedRestMs({
      ageMs: elapsedMs(this.#snapshot) ?? 0,
      progress: this.#snapshot.progress,
      typicalDurationMs: this.#view.tasks.typicalDurations.of(this.#snapshot.key.taskType),
    });
    return restMs === null ? null : new Date(this.#snapshot.observedAt + restMs).toISOString();
  }

  @Field(() => GraphQLDateTime, { description: "When the gateway last asked IMM about this task." })
  get observedAt(): string {
    return new Date(this.#snapshot.observedAt).toISOString();
  }

  @Field(() => Int, {
    nullable: true,
    description:
      "For clients that poll: the milliseconds to wait before the next query. Null once the task has ended. A subscription costs IMM fewer calls.",
  })
  get pollAfterMs(): number | null {
    return isFinal(this.#snapshot) ? null : this.#view.tasks.pollIntervalMs(this.#snapshot.key.projectName);
  }
}
