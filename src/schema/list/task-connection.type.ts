/** A list of tasks as the Relay cursor connections specification has it. Resolves from a listing; makes no call. */

import { Field, ObjectType } from "type-graphql";
import type { TaskListing } from "../../tasks/list/task-lister.js";
import type { TaskSnapshot } from "../../tasks/snapshot.js";
import { Task } from "../task/task.type.js";

@ObjectType({ simpleResolvers: true, description: "The place of a page in the whole list." })
export class PageInfo {
  @Field(() => Boolean, { description: "Whether there are more tasks after this page." })
  readonly hasNextPage!: boolean;

  @Field(() => Boolean, {
    description:
      "Whether this page was asked for with `after`, so that there are tasks before it. Pages are not read backwards.",
  })
  readonly hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: "The cursor of the first edge; null on an empty page." })
  readonly startCursor!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The cursor of the last edge: give it as `after` to get the next page. On an empty page it is null, unless `hasNextPage` is true.",
  })
  readonly endCursor!: string | null;
}

@ObjectType({ simpleResolvers: true, description: "A task of a page, with its cursor." })
export class TaskEdge {
  readonly #toCursor: () => string | null;

  @Field(() => Task, { description: "The task at this place of the list." })
  readonly node: Task;

  constructor(node: Task, toCursor: () => string | null) {
    this.node = node;
    this.#toCursor = toCursor;
  }

  @Field(() => String, {
    description:
      "Opaque text: give it as `after` to continue the list after this task. Any instance of the gateway takes it.",
  })
  get cursor(): string | null {
    return this.#toCursor();
  }
}

@ObjectType({ simpleResolvers: true, description: "A page of a list of tasks." })
export class TaskConnection {
  readonly #listing: TaskListing;
  readonly #hasPreviousPage: boolean;
  #edges: readonly TaskEdge[] | undefined;
  #pageInfo: PageInfo | undefined;

  /**
   * @param toTask - called once for each task, however it is selected.
   */
  constructor(listing: TaskListing, hasPreviousPage: boolean, toTask: (snapshot: TaskSnapshot) => Task) {
    this.#listing = listing;
    this.#hasPreviousPage = hasPreviousPage;
    this.nodes = listing.snapshots.map(toTask);
  }

  @Field(() => [TaskEdge], { description: "The tasks of the page, each with its cursor." })
  get edges(): readonly TaskEdge[] {
    this.#edges ??= this.nodes.map((node, index) => new TaskEdge(node, () => this.#listing.cursorBehind(index)));
    return this.#edges;
  }

  @Field(() => [Task], { description: "The same tasks without their cursors." })
  readonly nodes: readonly Task[];

  @Field(() => PageInfo, { description: "The place of this page in the list." })
  get pageInfo(): PageInfo {
    if (this.#pageInfo === undefined) {
      const { hasNextPage, endCursor } = this.#listing;
      const startCursor = this.#listing.cursorBehind(0);
      this.#pageInfo = { hasNextPage, hasPreviousPage: this.#hasPreviousPage, startCursor, endCursor };
    }
    return this.#pageInfo;
  }
}
