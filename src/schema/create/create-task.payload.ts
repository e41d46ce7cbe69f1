/** What a mutation that starts a task answers: the task, or why there is none. What fails after the start hides no task. */

import { Ctx, Field, ObjectType } from "type-graphql";
import { NO_PARTS } from "../../tasks/task.js";
import type { StartOutcome } from "../../tasks/create/task-starter.js";
import type { GatewayContext } from "../context.js";
import { CreateTaskError } from "./create-task-error.type.js";
import { StartedTask } from "./started-task.js";
import { Task } from "../task/task.type.js";

/** Why a create gave no task. */
export interface Refusal {
  readonly userError: CreateTaskError;
  /** IMM's, where it answered. */
  readonly requestId: string | null;
}

@ObjectType({ simpleResolvers: true, description: "A task that was started, or why there is none." })
export class CreateTaskPayload {
  readonly #outcome: StartOutcome | null;
  readonly #requestId: string | null;
  readonly #userErrors: readonly CreateTaskError[];

  constructor(answer: StartOutcome | Refusal) {
    this.#outcome = "userError" in answer ? null : answer;
    this.#requestId = answer.requestId;
    this.#userErrors = "userError" in answer ? [answer.userError] : [];
  }

  @Field(() => Task, {
    nullable: true,
    description:
      "Null when there are `userErrors`. The task, to be followed at once. A new one is RUNNING; what only a read gives, such as `startTime`, `progress` and `requestDefinition`, is read when it is selected. One that was started before is read, or shown as it started where that fails: see `observedAt`.",
  })
  async task(@Ctx() context: GatewayContext): Promise<Task | null> {
    if (this.#outcome === null) return null;
    const { snapshot, isNew } = this.#outcome;
    if (isNew) return new StartedTask(snapshot, context);
    const present = await context.tasks.read(snapshot.key, NO_PARTS).catch(() => snapshot);
    return new StartedTask(present, context);
  }

  @Field(() => Boolean, {
    nullable: true,
    description:
      "Whether this call started the task: false when its `idempotencyKey` had started it before, null when there is no task.",
  })
  get isNew(): boolean | null {
    return this.#outcome?.isNew ?? null;
  }

  @Field(() => [CreateTaskError], {
    description:
      "Why there is no task: empty exactly when there is one. What is no fault of the input, such as missing rights, throttling or an outage, is an error of the request instead.",
  })
  get userErrors(): readonly CreateTaskError[] {
    return this.#userErrors;
  }

  @Field(() => String, {
    nullable: true,
    description:
      "IMM's id of the call that started the task, or of its refusal: what its support asks for. Null when no call was made, and when its answer was lost or is no longer known.",
  })
  get requestId(): string | null {
    return this.#requestId;
  }

  @Field(() => String, {
    nullable: true,
    description:
      "The id of the task's completion event; null when there is no task, and when the create's answer was lost or is no longer known.",
  })
  get eventId(): string | null {
    return this.#outcome?.eventId ?? null;
  }
}
