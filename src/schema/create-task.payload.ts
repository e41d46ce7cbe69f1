/** What a mutation that starts a task answers. Whatever fails after the start, the client is told which task it was. */

import { Ctx, Field, ObjectType } from "type-graphql";
import { NO_NEEDS } from "../tasks/task.js";
import type { StartOutcome } from "../tasks/task-starter.js";
import type { GatewayContext } from "./context.js";
import { StartedTask } from "./started-task.js";
import { Task } from "./task.type.js";

@ObjectType({ description: "A task that was started." })
export class CreateTaskPayload {
  readonly #outcome: StartOutcome;

  constructor(outcome: StartOutcome) {
    this.#outcome = outcome;
  }

  @Field(() => Task, {
    description:
      "The task, to be followed at once. A new one is RUNNING; what only a read can tell, such as `startTime`, `progress` and `requestDefinition`, is read when it is selected. One that was started before is read, or shown as it started where that fails: see `observedAt`.",
  })
  async task(@Ctx() context: GatewayContext): Promise<Task> {
    const { snapshot, isNew } = this.#outcome;
    if (isNew) return new StartedTask(snapshot, context);
    const present = await context.taskLoader.load(snapshot.key, NO_NEEDS).catch(() => snapshot);
    return new StartedTask(present, context);
  }

  @Field(() => Boolean, {
    description: "Whether this call started the task. False when its `idempotencyKey` had started it before.",
  })
  get isNew(): boolean {
    return this.#outcome.isNew;
  }

  @Field(() => String, {
    nullable: true,
    description: "IMM's id of the call that started the task; null when that answer was lost or is no longer known.",
  })
  get requestId(): string | null {
    return this.#outcome.requestId;
  }

  @Field(() => String, {
    nullable: true,
    description: "The id of the task's completion event; null when that answer was lost or is no longer known.",
  })
  get eventId(): string | null {
    return this.#outcome.eventId;
  }
}
