/**
 * The long poll: for clients that can neither subscribe nor want to poll. It follows the task like any subscriber, so it
 * costs no call that somebody else's subscription does not cause.
 */

import type { GraphQLResolveInfo } from "graphql";
import { Args, ArgsType, Ctx, Field, Info, Int, Query, Resolver } from "type-graphql";
import { UpstreamTimeoutError } from "../errors.js";
import { parseTaskKey, type TaskSnapshot } from "../tasks/task.js";
import type { WatchStream } from "../tasks/watch-stream.js";
import { parseTimeout } from "./arguments.js";
import type { GatewayContext } from "./context.js";
import { selectedNeeds } from "./selected-needs.js";
import { TaskKeyInput } from "./task-key.input.js";
import { Task } from "./task.type.js";

const NO_ANSWER = "IMM did not answer before the wait was over.";

@ArgsType()
class AwaitTaskArgs extends TaskKeyInput {
  @Field(() => Int, {
    nullable: true,
    description: "How long to wait, in milliseconds: 1 to 60000 unless configured otherwise. 25000 when left out.",
  })
  readonly timeoutMs?: number | null;
}

@Resolver()
export class AwaitTaskResolver {
  @Query(() => Task, {
    nullable: true,
    description:
      "Waits for a task to end: answers when it is done, or with the present snapshot at the timeout; see `isDone`. Null, with an error, when it cannot be followed.",
  })
  async awaitTask(
    @Args() { timeoutMs, ...key }: AwaitTaskArgs,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Task> {
    const waitMs = parseTimeout(timeoutMs, context.maxAwaitMs);
    const taskKey = parseTaskKey(key);
    context.taskLoader.admit(taskKey);
    // A client that has gone before the wait began would be heard of no more.
    if (context.signal.aborted) throw new UpstreamTimeoutError(NO_ANSWER);
    const needs = selectedNeeds(info);
    const stream = context.watchHub.watch({ keys: [taskKey], needs });
    const timer = context.clock.setTimer(waitMs, () => stream.close());
    const onAbort = (): void => stream.close();
    context.signal.addEventListener("abort", onAbort);
    try {
      const snapshot = await lastSnapshot(stream);
      if (snapshot !== undefined) {
        // The calls are the watch's, which is everybody's.
        context.tally?.countShared(1);
        context.tally?.countAnswer(snapshot, needs);
        return new Task(snapshot, context);
      }
      throw new UpstreamTimeoutError(NO_ANSWER);
    } finally {
      timer.cancel();
      context.signal.removeEventListener("abort", onAbort);
    }
  }
}

/** What the stream showed last when it ended. */
async function lastSnapshot(stream: WatchStream): Promise<TaskSnapshot | undefined> {
  let last: TaskSnapshot | undefined;
  for await (const event of stream) {
    if (event.kind === "failure") throw event.error;
    last = event.snapshot;
  }
  return last;
}
