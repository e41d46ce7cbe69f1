/**
 * The one table of what fields cost, in calls to IMM at most: behind the `@cost` and `@listSize` of the printed schema, which
 * `sdl.ts` writes, and behind MAX_CALLS_PER_OPERATION, which `server/operation/price.ts` counts.
 *
 * A directive cannot say that `progress` comes with a list, nor how many keys a subscription has: what is published may be
 * more than the limit counts, never less. A subscription is priced as it begins; its polls are shared. No price holds
 * retries, pages that IMM leaves half empty, or the search for a task whose create's answer was lost: `CallTally` counts those.
 *
 * @see the GraphQL cost directives specification of IBM
 */

import { DEFAULT_FIRST } from "../../tasks/list/list-query.js";
import { PAGE_SIZE } from "../../tasks/list/requests.js";

/** How long the list below a field may be, in the words of `@listSize`. */
export interface ListSize {
  /** What is assumed where no argument says it. */
  readonly assumedSize: number;
  /** The integer arguments that say it. */
  readonly slicingArguments?: readonly string[];
  /** The fields of the answer that are so long, where it is no list itself. */
  readonly sizedFields?: readonly string[];
  /** Whether one of those arguments must be given. */
  readonly requireOneSlicingArgument?: boolean;
}

export interface Price {
  /** Calls at most: of a root field for each page of its list, of another one for each item. */
  readonly calls: number;
  /** Items of a page. @default 1 */
  readonly pageSize?: number;
  /** The fields of tasks that come with these calls. */
  readonly brings?: readonly string[];
  /** What is published. @default calls */
  readonly weight?: number;
  /** The same for federation, whose weights are whole numbers. @default weight */
  readonly wholeWeight?: number;
  readonly listSize?: ListSize;
}

const FREE: Price = { calls: 0 };
const ONE_CALL: Price = { calls: 1 };
/** GetTask has the event id, but no progress. */
const READ: Price = { calls: 1, brings: ["Task.eventId"] };
/** ListTasks has the progress, but no event id. */
const POLLED: Price = { calls: 1, brings: ["Task.progress"] };
/** As many as `maxKeys` lets in by default: a list of objects is no slicing argument. */
const KEYS: ListSize = { assumedSize: 100 };
/** A page is published as the share of each of its tasks, beside the one call that every list costs. */
const LISTED: Price = { calls: 0, weight: 1 / PAGE_SIZE, wholeWeight: 0 };

/** By coordinate. Fields that are not named cost no call beyond that of the object they belong to. */
const prices: Readonly<Record<string, Price>> = {
  "Query.task": READ,
  "Query.tasksByKey": { ...READ, listSize: KEYS },
  "Query.tasks": {
    ...POLLED,
    pageSize: PAGE_SIZE,
    // The pages of the longest list that `maxListedTasks` lets in by default.
    wholeWeight: 10,
    listSize: {
      assumedSize: DEFAULT_FIRST,
      slicingArguments: ["first"],
      sizedFields: ["edges", "nodes"],
      requireOneSlicingArgument: false,
    },
  },
  "TaskConnection.edges": LISTED,
  "TaskConnection.nodes": LISTED,
  "Query.awaitTask": POLLED,
  "Query.taskTypes": FREE,
  "Query.viewer": FREE,
  "Query.node": READ,
  "Query.nodes": { ...READ, listSize: KEYS },
  "Query._entities": { ...READ, listSize: KEYS },
  "Subscription.taskProgress": POLLED,
  // Published: as many keys, each with its event id and its result.
  "Subscription.taskEvents": { ...POLLED, weight: 3 * KEYS.assumedSize },
  "Subscription.projectEvents": POLLED,
  // What it starts again it reads first.
  "Mutation.rerunTask": { calls: 3 },
  "CreateTaskPayload.task": ONE_CALL,
  // A ListTasks beside the GetTask, a GetTask beside the ListTasks, and the operation that reads the outcome.
  "Task.progress": ONE_CALL,
  "Task.eventId": ONE_CALL,
  "Task.result": ONE_CALL,
};

/** A list that finds what its idempotency key has started before, and the operation of IMM. */
const CREATE: Price = { calls: 2 };

/** The price of a field, or undefined where it has none of its own. */
export function priceOfField(coordinate: string): Price | undefined {
  return prices[coordinate] ?? (coordinate.startsWith("Mutation.") ? CREATE : undefined);
}

/**
 * The calls of a root field with all that is selected below it.
 *
 * @param length - of the list that its arguments ask for; 1 where they ask for none.
 * @param below - coordinates of the fields below it. However often a field of a task is selected, IMM is asked once.
 */
export function callsOf(root: string, length: number, below: ReadonlySet<string>): number {
  const { calls, pageSize = 1, brings = [] } = priceOfField(root) ?? FREE;
  const callsEach = [...below]
    .map((coordinate) => (brings.includes(coordinate) ? 0 : (prices[coordinate]?.calls ?? 0)))
    .reduce((sum, each) => sum + each, 0);
  return calls * Math.ceil(length / pageSize) + length * callsEach;
}
