/**
 * Lists the tasks of a project, over as many pages of IMM as are asked for.
 *
 * The resolver calls it, it calls the `ImmClient`, and the reader learns every task it meets. One per process: operations that
 * ask for the same page at the same time share it. It never counts, never reads backwards and keeps no page.
 */

import { momentOf, type Clock } from "../../clock.js";
import { BadUserInputError } from "../../errors.js";
import { CallPriority, type ImmClient, type ImmTaskInfo, type ListTasksRequest } from "../../imm/imm-client.js";
import type { Interest } from "../../interest.js";
import type { CallTally } from "../call-tally.js";
import { isInstant, parseInstant } from "../instant.js";
import { BEGINNING, digestOf, parseCursor, toCursor, type Anchor, type ListPlace } from "./list-cursor.js";
import type { ListQuery } from "./list-query.js";
import { readPages, type Page } from "./pages.js";
import { PAGE_SIZE } from "./requests.js";
import { SingleFlight } from "../single-flight.js";
import type { Sighting, TaskSnapshot } from "../snapshot.js";

export interface TaskListerOptions {
  readonly client: ImmClient;
  readonly clock: Clock;
  /** Called with each page; answers with all that is known of its tasks. */
  readonly learn: (projectName: string, tasks: readonly ImmTaskInfo[], seen: Sighting) => readonly TaskSnapshot[];
}

export interface ListPart {
  /** The most tasks to give. */
  readonly first: number;
  /** The cursor behind which to go on. */
  readonly after: string | undefined;
  readonly definition: boolean;
  /** Aborted when the rest is not wanted. */
  readonly signal: Interest;
  /** Counts what the list costs. @default it is not counted */
  readonly tally?: CallTally | undefined;
  /** Whether a task is given. @default all are */
  readonly isShown?: ((snapshot: TaskSnapshot) => boolean) | undefined;
}

export interface TaskListing {
  readonly snapshots: readonly TaskSnapshot[];
  /** The cursor behind one of them; null behind none. Made when it is asked for: of most lists none is. */
  cursorBehind(index: number): string | null;
  /** Whether more tasks are known, or IMM has said that there are. */
  readonly hasNextPage: boolean;
  /** Where to go on; null when there is nothing behind which to go on. */
  readonly endCursor: string | null;
}

interface ReadPage extends Page {
  readonly tasks: readonly ImmTaskInfo[];
  readonly snapshots: readonly TaskSnapshot[];
}

/** IMM may give pages that are not full, or empty, with more behind them: so many are read beyond the least number. */
const MAX_SPARE_PAGES = 10;

/** The arguments of the schema, by IMM's names for them. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  nextToken: "after",
  maxResults: "first",
  taskTypes: "filter.taskTypes",
  status: "filter.status",
  tagSelector: "filter.tag",
  startTimeRange: "filter.startTime",
  endTimeRange: "filter.endTime",
  sort: "orderBy.field",
  order: "orderBy.direction",
};

export class TaskLister {
  readonly #options: TaskListerOptions;
  /** Pages that are being read, by what was asked. */
  readonly #flights = new SingleFlight<ReadPage>();

  constructor(options: TaskListerOptions) {
    this.#options = options;
  }

  /**
   * Up to `first` tasks behind `after`, in the order of the query: fewer when there are no more, or when IMM's pages are
   * too sparse.
   *
   * @throws BadUserInputError - naming `after` when it is no cursor of this list, or the argument that IMM refuses.
   * @throws NotFoundError - when IMM knows no such project.
   */
  async list(query: ListQuery, { first, after, definition, signal, tally, isShown }: ListPart): Promise<TaskListing> {
    const listing = new Listing(query);
    const { snapshots } = listing;
    let { token, anchor } = after === undefined ? BEGINNING : parseCursor(after, digestOf(query));
    const maxPages = Math.ceil(first / PAGE_SIZE) + MAX_SPARE_PAGES;
    const readPage = (page: ListTasksRequest): Promise<ReadPage> => {
      const toSkip = anchor === undefined ? 0 : anchor.index + 1;
      // Of how many tasks some are shown is not known.
      const maxResults = isShown === undefined ? Math.min(PAGE_SIZE, toSkip + first - snapshots.length) : PAGE_SIZE;
      return this.#page({ maxResults, ...page }, tally);
    };
    const isWanted = (): boolean => snapshots.length < first && !signal.aborted;
    const request = { ...query, ...(definition && { requestDefinition: true }) };
    for await (const page of readPages(request, readPage, { from: token, maxPages, isWanted })) {
      const { count, isPassed } = anchor === undefined ? NOTHING_SKIPPED : skip(page.tasks, anchor, query);
      let end = count;
      listing.turnTo(page, token);
      for (; end < page.snapshots.length && snapshots.length < first; end += 1) {
        const snapshot = page.snapshots[end] as TaskSnapshot;
        if (isShown?.(snapshot) !== false) listing.give(snapshot, end);
      }
      const hasMoreHere = isShown === undefined ? end < page.tasks.length : page.snapshots.slice(end).some(isShown);
      if (page.nextToken === undefined || hasMoreHere) return listing.end(hasMoreHere, null);
      token = page.nextToken;
      if (isPassed) anchor = undefined;
    }
    return listing.end(true, { token, anchor });
  }

  /** One page, shared by all who ask for it while it is being read. */
  #page(request: ListTasksRequest, tally: CallTally | undefined): Promise<ReadPage> {
    const text = JSON.stringify(request);
    tally?.countOwnCall();
    return this.#flights.get(text)?.answer ?? this.#flights.begin(text, () => this.#read(request, tally));
  }

  async #read(request: ListTasksRequest, tally: CallTally | undefined): Promise<ReadPage> {
    const { client, clock, learn } = this.#options;
    const observed = momentOf(clock);
    const { tasks, requestId, nextToken } = await client
      .listTasks(request, { priority: CallPriority.query, onAttempt: tally?.countCall, cause: tally?.cause })
      .catch((thrown: unknown) => {
        throw toArgumentError(thrown);
      });
    const snapshots = learn(request.projectName, tasks, { requestId, observed });
    return { tasks, snapshots, nextToken };
  }
}

/** A page of which tasks were given. */
interface GivenPage {
  readonly page: ReadPage;
  /** Its own token. */
  readonly token: string | undefined;
  /** How many tasks were given before it. */
  readonly before: number;
}

/** What is given, page by page, and where it stands there. */
class Listing implements TaskListing {
  readonly snapshots: TaskSnapshot[] = [];
  hasNextPage = false;
  readonly #query: ListQuery;
  readonly #pages: GivenPage[] = [];
  /** Where each task stands on its page. */
  readonly #indexes: number[] = [];
  /** Where to go on when nothing was given. */
  #resume: ListPlace | null = null;
  #digest: string | undefined;

  constructor(query: ListQuery) {
    this.#query = query;
  }

  /** What is given from now on is of this page. */
  turnTo(page: ReadPage, token: string | undefined): void {
    this.#pages.push({ page, token, before: this.snapshots.length });
  }

  give(snapshot: TaskSnapshot, index: number): void {
    this.snapshots.push(snapshot);
    this.#indexes.push(index);
  }

  end(hasNextPage: boolean, resume: ListPlace | null): TaskListing {
    this.hasNextPage = hasNextPage;
    this.#resume = resume;
    return this;
  }

  cursorBehind(index: number): string | null {
    const given = this.#pages.findLast(({ before }) => before <= index);
    const indexOfPage = this.#indexes[index];
    if (given === undefined || indexOfPage === undefined) return null;
    return this.#cursorOf(placeBehind(given.page, indexOfPage, given.token, this.#query));
  }

  get endCursor(): string | null {
    return this.cursorBehind(this.snapshots.length - 1) ?? (this.#resume && this.#cursorOf(this.#resume));
  }

  #cursorOf(place: ListPlace): string {
    this.#digest ??= digestOf(this.#query);
    return toCursor(this.#digest, place);
  }
}

/** Behind the last task of a page that has a successor, the successor is enough. */
function placeBehind(page: ReadPage, index: number, token: string | undefined, query: ListQuery): ListPlace {
  const task = page.tasks[index];
  const isLast = index === page.tasks.length - 1;
  if (task === undefined || (isLast && page.nextToken !== undefined)) {
    return { token: page.nextToken, anchor: undefined };
  }
  return { token, anchor: { taskId: task.taskId, time: orderTime(task, query), index } };
}

interface Skipped {
  /** How many tasks at the beginning of the page have been given before. */
  readonly count: number;
  /** Whether the page reaches beyond the anchor. */
  readonly isPassed: boolean;
}

const NOTHING_SKIPPED: Skipped = { count: 0, isPassed: true };

/**
 * Finds the anchor on its page. Where it has gone (it no longer passes the filter, was forgotten, or another end time
 * has moved it) what comes behind it in the order is taken.
 */
function skip(tasks: readonly ImmTaskInfo[], anchor: Anchor, query: ListQuery): Skipped {
  const at = tasks.findIndex((task) => task.taskId === anchor.taskId && orderTime(task, query) === anchor.time);
  if (at !== -1) return { count: at + 1, isPassed: true };
  const behind = tasks.findIndex((task) => isBehind(task, anchor, query));
  return behind === -1 ? { count: tasks.length, isPassed: false } : { count: behind, isPassed: true };
}

/** Whether a task comes later than the anchor. Where running tasks stand among the ended is undocumented: last here. */
function isBehind(task: ImmTaskInfo, anchor: Anchor, query: ListQuery): boolean {
  const [taskAt, anchorAt] = [orderTime(task, query), anchor.time].map((time) =>
    time === null ? Infinity : parseInstant(time),
  ) as [number, number];
  const isLater = taskAt === anchorAt ? task.taskId > anchor.taskId : taskAt > anchorAt;
  const isSame = taskAt === anchorAt && task.taskId === anchor.taskId;
  return query.order === "desc" ? !isLater && !isSame : isLater;
}

/** The time that a task is ordered by, as IMM wrote it; null under TaskId, and where it gave no instant. */
function orderTime(task: ImmTaskInfo, { sort }: ListQuery): string | null {
  const time = sort === "StartTime" ? task.startTime : sort === "EndTime" ? task.endTime : undefined;
  return typeof time === "string" && isInstant(time) ? time : null;
}

/** IMM's refusals, naming the argument that the client knows. */
function toArgumentError(thrown: unknown): unknown {
  const argument = thrown instanceof BadUserInputError ? ARGUMENTS[thrown.argument ?? ""] : undefined;
  if (!(thrown instanceof BadUserInputError) || argument === undefined) return thrown;
  const { imm } = thrown;
  return new BadUserInputError(argument, `IMM refused \`${argument}\` (${String(imm?.code)}).`, { imm });
}
