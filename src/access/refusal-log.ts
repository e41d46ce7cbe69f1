/** One line in the log for each credential that was refused, within a bound: with the reason, and nothing of the credential. */

import type { Clock } from "../clock.js";
import { UnauthenticatedError, watchFailures } from "../errors.js";
import { BoundedLines, type Logger } from "../log.js";
import type { Authenticate } from "./principal.js";

/** A flood of wrong tokens shall not fill the disk. */
const MAX_LINES_PER_MINUTE = 60;

/** Authenticates, and logs who is refused. */
export function withRefusalLog(authenticate: Authenticate, clock: Clock, logger: Logger): Authenticate {
  const lines = new BoundedLines(clock, MAX_LINES_PER_MINUTE);
  const report = (fields: Readonly<Record<string, unknown>>): void =>
    lines.write((unlogged) =>
      logger.warn({ ...fields, ...unlogged }, "A caller was refused: it did not show who it is."),
    );
  return watchFailures(authenticate, (thrown, { address, transport, authorization }) => {
    if (!(thrown instanceof UnauthenticatedError)) return;
    report({ reason: thrown.message, address, transport, hadCredential: authorization !== undefined });
  });
}
