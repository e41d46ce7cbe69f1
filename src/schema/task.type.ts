/**
 * The Task of the schema: a snapshot seen through GraphQL. Every field is read off the snapshot, so an event of a watch
 * resolves from its own payload and a task costs nothing beyond the read that brought it. The one exception is the event
 * id of a listed task, which a list does not tell.
 */

import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import { estimatedRestMs, nextPollDelayMs, type PollBounds, type PollView } from "../tasks/poll-schedule.js";
import { parseDefinition, redactDefinitionText } from "../tasks/request-definition.js";
import type { CallTally } from "../tasks/call-tally.js";
import { toGlobalTaskId } from "../tasks/task-id.js";
import { elapsedMs, expiresAtMs, isFinal, NO_NEEDS, type TaskSnapshot } from "../tasks/task.js";
import type { TaskLoader } from "../tasks/task-loader.js";
import { outputsOf } from "../tasks/task-outputs.js";
import { hasResult, type TaskResults } from "../tasks/task-results.js";
import type { TypicalDurations } from "../tasks/typical-durations.js";
import { Node } from "./node.type.js";
import { GraphQLDateTime, GraphQLJSON, GraphQLJSONObject } from "./scalars.js";
import { TaskError } from "./task-error.type.js";
import { TaskResult, toTaskResult } from "./task-result.union.js";
import { TaskStatus } from "./task-status.enum.js";

/** A value that a task has only after a read, where its snapshot was not made to hold it. */
type Later<T> = T | Promise<T>;

/** How tasks are shown, and what reads their results. */
export interface TaskView {
  readonly pollBounds: PollBounds;
  readonly typicalDurations: TypicalDurations;
  readonly redactDefinitions: boolean;
  readonly taskResults: TaskResults;
  /** Counts what the operation costs; undefined when nobody wants to know. */
  readonly tally: CallTally | undefined;
}

@ObjectType({
  implements: Node,
  description: "An asynchronous task of IMM, as it was last seen. IMM forgets a task seven days after its start.",
})
export class Task extends Node {
  readonly #snapshot: TaskSnapshot;
  readonly #view: TaskView;
  readonly #loader: TaskLoader | undefined;
  #definition: { readonly value: unknown } | undefined;

  /**
   * @param loader - loads what the snapshot was not made to hold; left out where it holds all that was selected.
   */
  constructor(snapshot: TaskSnapshot, view: TaskView, loader?: TaskLoader) {
    super();
    this.#snapshot = snapshot;
    this.#view = view;
    this.#loader = loader;
  }

  @Field(() => ID, { description: "Global id, made of project, type and task id. Good for `node` and for caches." })
  override get id(): string {
    return toGlobalTaskId(this.#snapshot.key);
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

  @Field(() => TaskStatus, { description: "How the task stands." })
  get status(): keyof typeof TaskStatus {
    return this.#snapshot.status;
  }

  @Field(() => Boolean, { description: "Whether the task has ended, well or not. It then never changes again." })
  get isDone(): boolean {
    return isFinal(this.#snapshot);
  }

  @Field(() => Int, {
    nullable: true,
    description:
      "Percent, 0 to 100; 100 once SUCCEEDED; null when IMM does not say. Selecting it on a running task costs a ListTasks call.",
  })
  get progress(): Later<number | null> {
    if (this.#snapshot.progressError !== null) throw this.#snapshot.progressError;
    return this.#snapshot.progress;
  }

  @Field(() => TaskError, { nullable: true, description: "Why the task failed; there exactly when it is FAILED." })
  get error(): TaskError | null {
    const { status, code, message } = this.#snapshot;
    return status === "FAILED" ? { code, message } : null;
  }

  @Field(() => String, { nullable: true, description: "The task's code as IMM gave it; null when empty." })
  get code(): string | null {
    return this.#snapshot.code;
  }

  @Field(() => String, { nullable: true, description: "The task's message as IMM gave it; null when empty." })
  get message(): string | null {
    return this.#snapshot.message;
  }

  @Field(() => GraphQLDateTime, { nullable: true, description: "When the task started, as IMM wrote it." })
  get startTime(): Later<string | null> {
    return this.#snapshot.startTime;
  }

  @Field(() => GraphQLDateTime, { nullable: true, description: "When the task ended, as IMM wrote it; null before." })
  get endTime(): string | null {
    return this.#snapshot.endTime;
  }

  @Field(() => Float, {
    nullable: true,
    description: "Milliseconds from the start to the end, or to `observedAt` while the task runs.",
  })
  get elapsedMs(): Later<number | null> {
    return elapsedMs(this.#snapshot);
  }

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "When IMM forgets the task: seven days after its start.",
  })
  get expiresAt(): Later<string | null> {
    const expiresAt = expiresAtMs(this.#snapshot);
    return expiresAt === null ? null : new Date(expiresAt).toISOString();
  }

  @Field(() => String, {
    nullable: true,
    description: "The id of the task's event, as IMM gave it. Selecting it in a list costs a GetTask for each task.",
  })
  get eventId(): Later<string | null> {
    const { key, eventId, hasAskedEventId } = this.#snapshot;
    if (hasAskedEventId || this.#loader === undefined) return eventId;
    return this.#loader.load(key, { ...NO_NEEDS, eventId: true }).then((complete) => complete.eventId);
  }

  @Field(() => String, {
    nullable: true,
    description: "IMM's id of the call that this answer came from: what its support asks for.",
  })
  get requestId(): string | null {
    return this.#snapshot.requestId;
  }

  @Field(() => String, { nullable: true, description: "The free text given at creation, as it is." })
  get userData(): string | null {
    return this.#snapshot.userData;
  }

  @Field(() => GraphQLJSON, { nullable: true, description: "The same, parsed; null where the text is not JSON." })
  get userDataJson(): unknown {
    try {
      return JSON.parse(this.#snapshot.userData ?? "null");
    } catch {
      return null;
    }
  }

  @Field(() => GraphQLJSONObject, { nullable: true, description: "The tags given at creation." })
  get tags(): Readonly<Record<string, unknown>> | null {
    return this.#snapshot.tags;
  }

  @Field(() => GraphQLJSON, {
    nullable: true,
    description:
      "The parameters the task was created with, parsed, passwords and role names redacted. Null where IMM does not give it, as for some types; an error when IMM's text is not JSON.",
  })
  get requestDefinition(): unknown {
    return this.#parsedDefinition();
  }

  @Field(() => String, {
    nullable: true,
    description:
      "The same as IMM wrote it, redacted in the same way; text that is not JSON ends before the first word that may name a secret.",
  })
  get requestDefinitionText(): Later<string | null> {
    const { definition } = this.#snapshot;
    return this.#view.redactDefinitions ? redactDefinitionText(definition) : definition;
  }

  @Field(() => [String], {
    nullable: true,
    description:
      "The OSS URIs that the task writes to, or that the names of what it writes begin with, by its definition. Null for the types whose definition IMM does not give.",
  })
  get outputs(): Later<readonly string[] | null> {
    return outputsOf(this.#snapshot.key.taskType, this.#parsedDefinition());
  }

  @Field(() => TaskResult, {
    nullable: true,
    description:
      "What the task came to: null before it has SUCCEEDED, and for the types that IMM tells nothing of. Selecting it costs one call for each task, whoever asks and however often.",
  })
  async result(): Promise<object | null> {
    const { key } = this.#snapshot;
    // A list gives many more tasks than an operation may ask for one by one.
    if (hasResult(this.#snapshot)) this.#loader?.admit(key);
    const result = await this.#view.taskResults.load(this.#snapshot, this.#view.tally);
    return result === null ? null : toTaskResult(key.taskType, result);
  }

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description:
      "When the task should be over, by its speed so far or by what tasks of its type have taken here; null when there is nothing to tell from, and once it is done.",
  })
  get estimatedEndAt(): string | null {
    const view = this.#pollView();
    const restMs = isFinal(this.#snapshot) ? null : estimatedRestMs(view);
    return restMs === null ? null : new Date(this.#snapshot.observedAt + restMs).toISOString();
  }

  @Field(() => GraphQLDateTime, { description: "When IMM was last asked about this task." })
  get observedAt(): string {
    return new Date(this.#snapshot.observedAt).toISOString();
  }

  @Field(() => Int, {
    nullable: true,
    description:
      "Milliseconds after which asking again is worth it, for clients that poll; null when the task is done. Subscribing is cheaper.",
  })
  get pollAfterMs(): number | null {
    return isFinal(this.#snapshot) ? null : nextPollDelayMs(this.#pollView(), this.#view.pollBounds, 0.5);
  }

  /** Parsed once, under however many aliases it is asked for. */
  #parsedDefinition(): unknown {
    this.#definition ??= { value: parseDefinition(this.#snapshot.definition, this.#view.redactDefinitions) };
    return this.#definition.value;
  }

  #pollView(): PollView {
    return {
      ageMs: elapsedMs(this.#snapshot) ?? 0,
      progress: this.#snapshot.progress,
      typicalDurationMs: this.#view.typicalDurations.of(this.#snapshot.key.taskType),
      unchangedPolls: 0,
      failedPolls: 0,
    };
  }
}
