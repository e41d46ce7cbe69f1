/**
 * What the fields of the schema cost, in calls to IMM: the table behind the `@cost` and `@listSize` of the printed schema.
 *
 * `sdl.ts` prints it. The numbers are for routers and clients that estimate an operation before they send it; nothing
 * here is executed, and what an operation did cost is counted by `CallTally`.
 *
 * @see the GraphQL cost directives specification of IBM
 */

/** How long the list below a field may be, in the words of `@listSize`. */
export interface ListSize {
  /** What is assumed where no argument says it. */
  readonly assumedSize: number;
  /** The integer arguments that say it. */
  readonly slicingArguments?: readonly string[];
  /** The fields of the answer that are so long, where it is no list itself. */
  readonly sizedFields?: readonly string[];
}

/** A price. */
export interface Price {
  /** Calls to IMM at most, for each item of a list. */
  readonly weight: number;
  readonly listSize?: ListSize;
}

const FREE: Price = { weight: 0 };
const ONE_CALL: Price = { weight: 1 };
/** As many as `maxKeys` lets in by default: a list of objects is no slicing argument. */
const KEYS: ListSize = { assumedSize: 100 };
/** ListTasks gives a hundred tasks a call. */
const PAGE_SHARE: Price = { weight: 0.01 };

/** By coordinate. Fields that are not named cost no call beyond that of the object they belong to. */
const prices: Readonly<Record<string, Price>> = {
  "Query.task": ONE_CALL,
  "Query.tasksByKey": { weight: 1, listSize: KEYS },
  "Query.tasks": {
    weight: 1,
    listSize: { assumedSize: 100, slicingArguments: ["first"], sizedFields: ["edges", "nodes"] },
  },
  "TaskConnection.edges": PAGE_SHARE,
  "TaskConnection.nodes": PAGE_SHARE,
  "Query.awaitTask": ONE_CALL,
  "Query.taskTypes": FREE,
  "Query.node": ONE_CALL,
  "Query.nodes": { weight: 1, listSize: KEYS },
  "Subscription.taskProgress": ONE_CALL,
  "Subscription.taskEvents": { weight: 100 },
  "Subscription.projectEvents": ONE_CALL,
  // What it starts again it reads first.
  "Mutation.rerunTask": { weight: 2 },
  "CreateTaskPayload.task": ONE_CALL,
  // A ListTasks beside the GetTask, a GetTask beside the ListTasks, and the operation that reads the outcome.
  "Task.progress": ONE_CALL,
  "Task.eventId": ONE_CALL,
  "Task.result": ONE_CALL,
};

/** The price of a field, or undefined where it has none of its own. */
export function priceOfField(typeName: string, fieldName: string): Price | undefined {
  // Each mutation is one operation of IMM.
  return prices[`${typeName}.${fieldName}`] ?? (typeName === "Mutation" ? ONE_CALL : undefined);
}
