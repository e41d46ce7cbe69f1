/** The words that stand in labels of metrics: few, whatever IMM answers and whatever clients send. Pure. */

import { GatewayError, type ErrorCode } from "../errors.js";

/** What stands for a value that is not known. */
const OTHER = "other";

/** How a call went, by the code of its error. */
const OUTCOMES: Partial<Record<ErrorCode, string>> = {
  BAD_USER_INPUT: "bad_input",
  NOT_FOUND: "not_found",
  FORBIDDEN: "forbidden",
  UPSTREAM_THROTTLED: "throttled",
  UPSTREAM_TIMEOUT: "timeout",
  UPSTREAM_UNAVAILABLE: "unavailable",
  UPSTREAM_INVALID_RESPONSE: "invalid_response",
  UPSTREAM_MISCONFIGURED: "misconfigured",
};

/** How an attempt of a call, or a poll, went: `ok` or in what way it failed. */
export function toOutcome(error: unknown): string {
  if (error === undefined) return "ok";
  return (error instanceof GatewayError && OUTCOMES[error.code]) || OTHER;
}

/** Beginnings of IMM's codes, the longer ones first. */
const IMM_CODES = [
  "Throttling",
  "ServiceBusy",
  "FlowLimit",
  "SignatureNonceUsed",
  "SignatureDoesNotMatch",
  "IncompleteSignature",
  "InvalidTimeStamp",
  "InvalidAccessKeyId",
  "InvalidSecurityToken",
  "InvalidCredentials",
  "InvalidAction",
  "InvalidVersion",
  "InvalidProduct",
  "InvalidParameter",
  "InvalidArgument",
  "Invalid",
  "Missing",
  "ResourceNotFound",
  "ResourceAlreadyExists",
  "LimitExceeded",
  "AccessDenied",
  "Forbidden",
  "NoPermission",
  "Unauthorized",
  "InternalError",
  "InternalServerError",
  "ServiceUnavailable",
];

/** The beginning of IMM's own code; `none` where it gave none. */
export function toImmCode(error: unknown): string {
  const code = error instanceof GatewayError ? error.imm?.code : undefined;
  if (code === undefined || code === null) return "none";
  return IMM_CODES.find((beginning) => code.startsWith(beginning)) ?? OTHER;
}

/** Those under which errors leave, and that of an operation without any. */
const OPERATION_CODES: ReadonlySet<string> = new Set([
  "OK",
  "BAD_USER_INPUT",
  "NOT_FOUND",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "RATE_LIMITED",
  "OUTCOME_UNKNOWN",
  "UPSTREAM_THROTTLED",
  "UPSTREAM_TIMEOUT",
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_INVALID_RESPONSE",
  "UPSTREAM_MISCONFIGURED",
  "PERSISTED_QUERY_NOT_FOUND",
  "PERSISTED_QUERY_ID_REQUIRED",
  "PERSISTED_QUERY_NOT_SUPPORTED",
  "INTERNAL_SERVER_ERROR",
  "BAD_REQUEST",
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "OPERATION_RESOLUTION_FAILURE",
]);

export function toOperationCode(code: string): string {
  return OPERATION_CODES.has(code) ? code : OTHER;
}
