/** An event of a stream of several tasks: an envelope that says which task it is about, and what has happened. */

import { Field, Int, ObjectType } from "type-graphql";
import { GatewayError } from "../../errors.js";
import type { TaskKey as Key } from "../../tasks/task.js";
import { isFinal } from "../../tasks/snapshot.js";
import type { WatchEvent } from "../../tasks/watch/watch-stream.js";
import { Task, type TaskView } from "../task/task.type.js";
import { makeEnum } from "../table-types.js";

export const TaskEventKind = makeEnum(
  "TaskEventKind",
  "What an event of a stream of tasks says. More kinds may come: ignore those that are not known.",
  {
    SNAPSHOT: "How a task stands at present; the first event of that task.",
    CHANGE: "What has changed of a task.",
    FINAL: "A task has ended, well or not; its last event.",
    FAILED:
      "A task cannot be followed, for the reason in `error`; its last event. Without a `key` nothing can be followed, and the stream completes.",
    CAUGHT_UP:
      "The present state of all followed tasks has been sent. Comes once after the first snapshots, also where there are none, and again after each delay.",
    DELAYED:
      "IMM cannot be asked at the moment, for the reason in `error`. What was sent may be old until CAUGHT_UP comes again.",
  },
);

@ObjectType({ simpleResolvers: true, description: "What identifies a task." })
export class TaskKey implements Key {
  @Field(() => String, { description: "The name of the IMM project." })
  readonly projectName!: string;

  @Field(() => String, { description: "The type of the task as IMM spells it." })
  readonly taskType!: string;

  @Field(() => String, { description: "The id of the task within its project and type." })
  readonly taskId!: string;
}

@ObjectType({ simpleResolvers: true, description: "Why a task cannot be followed, or why IMM cannot be asked." })
export class TaskEventError {
  @Field(() => String, { description: "One of the codes of `errors[].extensions.code`, for example NOT_FOUND." })
  readonly code!: string;

  @Field(() => String, { description: "A sentence for people." })
  readonly message!: string;

  @Field(() => Int, {
    nullable: true,
    description: "Milliseconds after which trying again makes sense, when that is known.",
  })
  readonly retryAfterMs!: number | null;
}

@ObjectType({ simpleResolvers: true, description: "An event of a stream of several tasks." })
export class TaskEvent {
  @Field(() => TaskEventKind, { description: "What has happened." })
  readonly kind!: keyof typeof TaskEventKind;

  @Field(() => TaskKey, { nullable: true, description: "Which task the event is about; null where it is about all." })
  readonly key!: Key | null;

  @Field(() => Task, { nullable: true, description: "The task, in SNAPSHOT, CHANGE and FINAL." })
  readonly task!: Task | null;

  @Field(() => TaskEventError, { nullable: true, description: "Why, in FAILED and DELAYED." })
  readonly error!: TaskEventError | null;
}

/**
 * The event of a watch as the schema shows it.
 *
 * @throws Error - a defect, which is masked and logged like any other.
 */
export function toTaskEvent(event: WatchEvent, view: TaskView): TaskEvent {
  switch (event.kind) {
    case "snapshot": {
      const { snapshot, isFirst } = event;
      const kind = isFinal(snapshot) ? "FINAL" : isFirst ? "SNAPSHOT" : "CHANGE";
      return { kind, key: snapshot.key, task: new Task(snapshot, view), error: null };
    }
    case "failure":
      return { kind: "FAILED", key: event.key, task: null, error: toEventError(event.error) };
    case "caughtUp":
      return { kind: "CAUGHT_UP", key: null, task: null, error: null };
    case "delayed":
      return { kind: "DELAYED", key: null, task: null, error: toEventError(event.error) };
  }
}

function toEventError(error: Error): TaskEventError {
  if (!(error instanceof GatewayError)) throw error;
  return { code: error.code, message: error.message, retryAfterMs: error.retryAfterMs ?? null };
}
