/**
 * What a resolver may use: made by `server/` once per operation, and never kept beyond it.
 */

import type { Clock } from "../clock.js";
import type { CallTally } from "../tasks/call-tally.js";
import type { TaskLister } from "../tasks/list/task-lister.js";
import type { TaskLoader } from "../tasks/read/task-loader.js";
import type { TaskResults } from "../tasks/read/task-results.js";
import type { TaskWaiter } from "../tasks/watch/task-waiter.js";
import type { TaskStarter } from "../tasks/create/task-starter.js";
import type { TaskTexts } from "../tasks/definition/task-texts.js";
import type { TypicalDurations } from "../tasks/read/typical-durations.js";
import type { WatchHub } from "../tasks/watch/watch-hub.js";

/** The context of one operation. */
export interface GatewayContext {
  /** That which is asked, for example `cn-hangzhou`. */
  readonly region: string;
  /** This operation's own loader: its fields share their reads. */
  readonly taskLoader: TaskLoader;
  /** Counts what the operation costs IMM; undefined when nobody wants to know. */
  readonly tally: CallTally | undefined;
  /** The process's lists. */
  readonly taskLister: TaskLister;
  /** Reads what tasks came to, for the whole process. */
  readonly taskResults: TaskResults;
  /** Starts tasks, for the whole process. */
  readonly taskStarter: TaskStarter;
  /** Whether the mutations are refused. */
  readonly isReadOnly: boolean;
  /** Waits for tasks to end. */
  readonly taskWaiter: TaskWaiter;
  /** The process's watches. */
  readonly watchHub: WatchHub;
  readonly clock: Clock;
  /** Aborted when the client has gone or has lost interest, and when the operation has been answered. */
  readonly signal: AbortSignal;
  /** Aborts the signal: called once the operation has been answered. */
  readonly end: () => void;
  /** How long `awaitTask` may wait, in milliseconds. */
  readonly maxAwaitMs: number;
  /** What tasks of each type have taken, for a first guess. */
  readonly typicalDurations: TypicalDurations;
  /** Reads what is asked for of request definitions and user data. */
  readonly taskTexts: TaskTexts;
  /** What the root fields of the subgraph begin with. */
  readonly federationPrefix: string | undefined;
  /** How many keys or ids one list argument may hold. */
  readonly maxKeys: number;
  /** How many tasks one list may give. */
  readonly maxListedTasks: number;
}
