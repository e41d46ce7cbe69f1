/**
 * What a resolver may use: made by `server/` once per operation, and never kept beyond it.
 */

import type { Clock } from "../clock.js";
import type { CallTally } from "../tasks/call-tally.js";
import type { Tasks } from "../tasks/tasks.js";

/** The context of one operation. */
export interface GatewayContext {
  /** All that the operation can do with tasks. */
  readonly tasks: Tasks;
  /** That which is asked, for example `cn-hangzhou`. */
  readonly region: string;
  /** Counts what the operation costs IMM. */
  readonly tally: CallTally;
  /** Whether the answer says what was counted. */
  readonly reportsCalls: boolean;
  readonly clock: Clock;
  /** Called once the operation has been answered: what its fields still wait for is not wanted any more. */
  readonly end: () => void;
  /** How long `awaitTask` may wait, in milliseconds. */
  readonly maxAwaitMs: number;
  /** What the root fields of the subgraph begin with. */
  readonly federationPrefix: string | undefined;
  /** How many keys or ids one list argument may hold. */
  readonly maxKeys: number;
  /** How many tasks one list may give. */
  readonly maxListedTasks: number;
}
