/** A list of tasks as the Relay cursor connections specification has it. Resolves from a listing; makes no call. */

import { Field, ObjectType } from "type-graphql";
import type { ListedTask, TaskListing } from "../tasks/task-lister.js";
import { Task } from "./task.type.js";

@ObjectType({ description: "Where a part of a list stands in the whole." })
export class PageInfo {
  @Field(() => Boolean, { description: "Whether there is more behind this part. IMM says so; nothing is counted." })
  readonly hasNextPage!: boolean;

  @Field(() => Boolean, {
    description:
      "Whether this part was asked for by `after`, so that something came before it. IMM does not page back.",
  })
  readonly hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: "The cursor of the first edge; null when there is none." })
  readonly startCursor!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "What to give as `after` for the next part: the cursor of the last edge. Null when there is no edge, unless IMM gave many empty pages with more behind them.",
  })
  readonly endCursor!: string | null;
}

@ObjectType({ description: "A task in a list." })
export class TaskEdge {
  readonly #item: ListedTask;

  @Field(() => Task, { description: "The task." })
  readonly node: Task;

  constructor(item: ListedTask, node: Task) {
    this.#item = item;
    this.node = node;
  }

  @Field(() => String, {
    description:
      "Opaque, and good on every instance of the gateway: what to give as `after` to go on behind this task.",
  })
  get cursor(): string {
    return this.#item.toCursor();
  }
}

@ObjectType({
  description: "A part of a list of tasks. How many there are in all is not told: IMM does not count them.",
})
export class TaskConnection {
  readonly #listing: TaskListing;
  readonly #hasPreviousPage: boolean;

  @Field(() => [TaskEdge], { description: "The tasks, each with its cursor." })
  readonly edges: readonly TaskEdge[];

  /**
   * @param toTask - called once for each task, however it is selected.
   */
  constructor(listing: TaskListing, hasPreviousPage: boolean, toTask: (item: ListedTask) => Task) {
    this.#listing = listing;
    this.#hasPreviousPage = hasPreviousPage;
    this.edges = listing.items.map((item) => new TaskEdge(item, toTask(item)));
  }

  @Field(() => [Task], { description: "The same tasks without their cursors." })
  get nodes(): readonly Task[] {
    return this.edges.map(({ node }) => node);
  }

  @Field(() => PageInfo, { description: "Where this part stands." })
  get pageInfo(): PageInfo {
    const { hasNextPage, endCursor } = this.#listing;
    const startCursor = this.edges[0]?.cursor ?? null;
    return { hasNextPage, hasPreviousPage: this.#hasPreviousPage, startCursor, endCursor };
  }
}
