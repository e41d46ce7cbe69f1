/**
 * `extensions.imm`: what an operation cost IMM and what it was spared, for requests that ask for it. The same for every
 * transport; subscriptions have none, since their calls are shared.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { ExecutionResult } from "graphql";
import type { GatewayContext } from "../../schema/context.js";

/** With the value `true` it asks for the report of one operation, or in a handshake for those of a socket. */
const REPORT_HEADER = "imm-extensions";

/** Whether a client asks for the report. */
export function asksForReport(headers: IncomingHttpHeaders): boolean {
  return headers[REPORT_HEADER] === "true";
}

/** The result with the report, where its operation asks for one. */
export function withCallReport(
  result: ExecutionResult,
  { tally, reportsCalls, clock }: GatewayContext,
): ExecutionResult {
  if (!reportsCalls) return result;
  return { ...result, extensions: { ...result.extensions, imm: tally.report(clock.tick()) } };
}
