/** One line in the log for each credential that was refused, within a bound: with the reason, and nothing of the credential. */

import type { Clock } from "../clock.js";
import { UnauthenticatedError } from "../errors.js";
import type { Logger } from "../log.js";
import type { Authenticate } from "./principal.js";

const MINUTE_MS = 60_000;
/** A flood of wrong tokens shall not fill the disk. */
const MAX_LINES_PER_MINUTE = 60;

/** Authenticates, and logs who is refused. */
export function withRefusalLog(authenticate: Authenticate, clock: Clock, logger: Logger): Authenticate {
  let sinceTick = clock.tick();
  let lines = 0;
  let unlogged = 0;
  const report = (fields: Readonly<Record<string, unknown>>): void => {
    const tick = clock.tick();
    if (tick - sinceTick >= MINUTE_MS) {
      sinceTick = tick;
      lines = 0;
    }
    lines += 1;
    if (lines > MAX_LINES_PER_MINUTE) {
      unlogged += 1;
      return;
    }
    logger.warn({ ...fields, ...(unlogged > 0 && { unlogged }) }, "A caller was refused: it did not show who it is.");
    unlogged = 0;
  };
  return async (credentials) => {
    try {
      return await authenticate(credentials);
    } catch (thrown) {
      if (thrown instanceof UnauthenticatedError) {
        const { address, transport, authorization } = credentials;
        report({ reason: thrown.message, address, transport, hadCredential: authorization !== undefined });
      }
      throw thrown;
    }
  };
}
