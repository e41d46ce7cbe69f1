/**
 * The long poll: for clients that can neither subscribe nor want to poll. It follows the task like any subscriber, so it
 * costs no call that a subscription to it does not cause.
 */

import type { GraphQLResolveInfo } from "graphql";
import { Args, ArgsType, Ctx, Field, Info, Int, Query, Resolver } from "type-graphql";
import { parseTaskKey } from "../../tasks/task.js";
import { DEFAULT_AWAIT_MS, parseMilliseconds } from "../arguments.js";
import type { GatewayContext } from "../context.js";
import { selectedParts } from "../task/selected-parts.js";
import { TaskKeyInput } from "../task/task-key.input.js";
import { Task } from "../task/task.type.js";

@ArgsType()
class AwaitTaskArgs {
  @Field(() => TaskKeyInput, { description: "What identifies the task." })
  readonly key!: TaskKeyInput;

  @Field(() => Int, {
    nullable: true,
    defaultValue: DEFAULT_AWAIT_MS,
    description: "The longest time to wait, in milliseconds; 1 to 60000 unless configured otherwise.",
  })
  readonly timeoutMs?: number | null;
}

@Resolver()
export class AwaitTaskResolver {
  @Query(() => Task, {
    nullable: true,
    description:
      "Waits for a task to end. Answers with the task once it is done, or as it stands after `timeoutMs`; `isDone` says which. Null, with an error, when the task cannot be followed.",
  })
  async awaitTask(
    @Args() { key, timeoutMs }: AwaitTaskArgs,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Task> {
    const { tasks, maxAwaitMs } = context;
    const parsedKey = parseTaskKey(key);
    const waitMs = parseMilliseconds("timeoutMs", timeoutMs, maxAwaitMs, Math.min(DEFAULT_AWAIT_MS, maxAwaitMs));
    return new Task(await tasks.awaitEnd(parsedKey, selectedParts(info), waitMs), context);
  }
}
