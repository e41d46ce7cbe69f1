/**
 * What a resolver may use: made by `server/` once per operation, and never kept beyond it.
 */

import type { PollBounds } from "../tasks/poll-schedule.js";
import type { TaskLoader } from "../tasks/task-loader.js";
import type { WatchHub } from "../tasks/watch-hub.js";

/** The context of one operation. */
export interface GatewayContext {
  /** This operation's own loader: its fields share their reads. */
  readonly taskLoader: TaskLoader;
  /** The process's watches. */
  readonly watchHub: WatchHub;
  /** The rhythm of polls, for clients that poll themselves. */
  readonly pollBounds: PollBounds;
  /** Whether secrets in request definitions are redacted. */
  readonly redactDefinitions: boolean;
  /** How many keys or ids one list argument may hold. */
  readonly maxKeys: number;
}
