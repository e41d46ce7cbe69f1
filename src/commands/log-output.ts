/**
 * The log of the command: lines of JSON on standard error, by pino.
 *
 * Lines are written aside, so a reader that does not read holds up nothing, and a bounded number of bytes waits. What
 * cannot be written, since the disk is full or the reader has gone, is lost: the gateway goes on.
 */

import { pino, type LevelWithSilent, type Logger } from "pino";
import { systemClock } from "../clock.js";

export interface LogOutput {
  readonly logger: Logger;
  /** Lets the last lines out, as far as they are taken within half a second. Never rejects. */
  close(): Promise<void>;
}

const STANDARD_ERROR = 2;
/** Further lines are dropped while so many bytes wait. */
const MAX_WAITING_BYTES = 1_048_576;
const CLOSE_TIMEOUT_MS = 500;

export function openLog(level: LevelWithSilent): LogOutput {
  const destination = pino.destination({ dest: STANDARD_ERROR, sync: false, maxLength: MAX_WAITING_BYTES });
  // Without a listener the first line that cannot be written would end the process. Each further line is tried again.
  destination.on("error", () => undefined);
  return {
    logger: pino({ level }, destination),
    async close() {
      await new Promise<void>((resolve) => {
        for (const event of ["close", "error"]) destination.once(event, () => resolve());
        systemClock.setTimer(CLOSE_TIMEOUT_MS, resolve);
        destination.end();
      });
      // What is left would be written, and waited for, when the process exits.
      destination.destroy();
    },
  };
}
