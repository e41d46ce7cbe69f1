/** The signal for an operation whose client has gone, where the answer is one HTTP response. */

import type { FastifyReply } from "fastify";

/** Aborted when the connection is closed before the answer is out, or was closed before that began. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // There will be no event of what has happened.
  if (reply.raw.destroyed) controller.abort();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
