/**
 * From IMM's refusals and the vendor stack's failures to the errors of the house. Pure; called by `openapi-client`.
 *
 * IMM answers HTTP 400 for a missing task and for throttling alike, so the `Code` decides, by prefix, and the status
 * only where the code says nothing. Nothing that the vendor wrote is copied unread: its messages hold the full URL with
 * every parameter, and a signature error echoes the string that was signed.
 *
 * @see the error handling page (document 477131) and the generic gateway errors (document 48054)
 */

import { isNativeError } from "node:util/types";
import {
  BadUserInputError,
  ForbiddenError,
  GatewayError,
  NotFoundError,
  UpstreamInvalidResponseError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
  type GatewayErrorDetails,
} from "../../errors.js";
import { uncapitalize, type Operation } from "../operations/operations.js";

/** A refusal by IMM, as far as it could be read. */
export interface Refusal {
  readonly httpStatus: number;
  readonly code: string | null;
  readonly message: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | undefined;
}

type ToError = (refusal: Refusal, details: GatewayErrorDetails) => GatewayError;

/** Makes errors of a class that say the same of every refusal. */
function always(Kind: new (message: string, details: GatewayErrorDetails) => GatewayError, message: string): ToError {
  return (_refusal, details) => new Kind(message, details);
}

const denied = always(ForbiddenError, "IMM denies the gateway's account this operation or project.");
const unavailable = always(UpstreamUnavailableError, "IMM is not available.");

const throttled =
  (message: string): ToError =>
  ({ retryAfterMs }, details) =>
    new UpstreamThrottledError(message, { ...details, retryAfterMs });

/** The first rule that matches the code wins: credential faults begin with `Invalid…` too, so they come first. */
const RULES: readonly (readonly [pattern: RegExp, toError: ToError])[] = [
  [/Throttling|^ServiceBusy|^FlowLimit/i, throttled("IMM is throttling this project's requests.")],
  // Every attempt is signed with a new nonce, so the next one passes.
  [/^SignatureNonceUsed/i, always(UpstreamUnavailableError, "IMM took the request for a repeated one.")],
  [
    /^InvalidTimeStamp|^Timestamp/i,
    always(UpstreamMisconfiguredError, "IMM refused the gateway's clock: it is off by more than 15 minutes."),
  ],
  [
    /AccessKey|Signature|SecurityToken|^InvalidCredentials|^Missing(Authorization|Timestamp)/i,
    always(UpstreamMisconfiguredError, "IMM refused the gateway's own credentials."),
  ],
  [
    /^InvalidAction|^InvalidVersion|^InvalidProduct|^UnsupportedHTTPMethod/i,
    always(UpstreamMisconfiguredError, "The endpoint does not serve the IMM 2020-09-30 API."),
  ],
  [/^ResourceNotFound|^(Project|Task)\w*NotFound/i, notFound],
  [/AccessDenied|^Forbidden|^NoPermission|Unauthorized|not authorized/i, denied],
  [/^Invalid|^Missing|^LimitExceeded|^ResourceAlreadyExists/i, badUserInput],
  [/^InternalError|^ServiceUnavailable|^InternalServer|^SystemError/i, unavailable],
];

function notFound({ message }: Refusal, details: GatewayErrorDetails): GatewayError {
  const isOfProject = /project/i.test(message ?? "");
  return new NotFoundError(
    isOfProject
      ? "IMM knows no such project in this region."
      : "IMM knows no such task: the project, type or id is wrong, or the task started more than 7 days ago.",
    { ...details, isOfProject },
  );
}

/** IMM's own sentence may repeat the value, so the code has to do. */
function badUserInput({ code }: Refusal, details: GatewayErrorDetails): GatewayError {
  const argument = argumentOf(code ?? "");
  const what = argument === null ? "an argument" : `\`${argument}\``;
  return new BadUserInputError(argument, `IMM refused ${what} (${String(code)}).`, details);
}

/** The error that a refusal stands for. Its message never holds the vendor's text unredacted. */
export function fromRefusal(refusal: Refusal, cause?: unknown): GatewayError {
  const details = { imm: { code: refusal.code, requestId: refusal.requestId }, cause };
  const rule = RULES.find(([pattern]) => pattern.test(refusal.code ?? ""));
  if (rule !== undefined) return rule[1](refusal, details);
  if (refusal.httpStatus === 429) return throttled("IMM is throttling requests.")(refusal, details);
  if (refusal.httpStatus >= 500) return unavailable(refusal, details);
  if (/not authorized/i.test(refusal.message ?? "")) return denied(refusal, details);
  return new UpstreamRejectedError("IMM refused the request for a reason the gateway does not know.", details);
}

/** HTTP says with these that the request was too long to be read: of the body, the URL, the head. Some answer without a body. */
const TOO_LONG: ReadonlySet<number> = new Set([413, 414, 431]);

const NEVER_LEFT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/** What any answer may hold, a refusal as well. */
const ENVELOPE = new Set(["RequestId", "ProjectName", "EventId", "Code", "Message"]);
/** Codes by which services say that nothing is wrong. */
const NO_FAULT = /^(OK|Success|200)$/i;

/**
 * The error that an answer with HTTP 200 stands for: one that has a code, and nothing of what the operation is asked for. A
 * code beside that is the task's own; what was sent and comes back is nothing. Null when it is no refusal.
 */
export function fromAnswer({ request, response }: Operation, answer: unknown): GatewayError | null {
  if (typeof answer !== "object" || answer === null) return null;
  const body = answer as Readonly<Record<string, unknown>>;
  const code = readText(body["Code"]);
  if (code === null || NO_FAULT.test(code)) return null;
  const asked = Object.keys(response).filter((name) => !ENVELOPE.has(name) && !Object.hasOwn(request, name));
  const hasContent = asked.some((name) => !isEmpty(body[name]));
  return hasContent ? null : fromRefusal(readRefusal({ data: body }, 200));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/**
 * The error that a failed call stands for, whatever the vendor's stack threw.
 *
 * @param httpStatus - of the answer, 0 where there was none.
 */
export function fromCallFailure(thrown: unknown, httpStatus = 0): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const cause = withoutWords(thrown);
  const details = { cause };
  if (TOO_LONG.has(httpStatus)) {
    return new BadUserInputError(
      null,
      "Expected the arguments to be shorter: IMM takes no request that is so long.",
      details,
    );
  }
  if (!isNativeError(thrown)) return new UpstreamUnavailableError("The call to IMM failed.", details);
  const fields = thrown as Error & Readonly<Record<string, unknown>>;
  if (typeof fields["statusCode"] === "number") return fromRefusal(readRefusal(fields, fields["statusCode"]), cause);
  const code = readText(fields["code"]);
  if (code === "InvalidCredentials") return fromRefusal({ ...NO_REFUSAL, code }, cause);
  if (/Timeout/.test(thrown.name) || code === "ETIMEDOUT") {
    return new UpstreamTimeoutError("IMM did not answer in time.", details);
  }
  if (code !== null) {
    return new UpstreamUnavailableError(`The connection to IMM failed (${code}).`, {
      ...details,
      mayHaveArrived: !NEVER_LEFT.has(code),
    });
  }
  if (thrown.name === "URIError") {
    return new BadUserInputError(null, "Expected the arguments to hold whole characters only.", details);
  }
  if (thrown.name === "SyntaxError" || thrown.name === "TypeError") {
    // A page of whatever stands between: its status has to do.
    if (httpStatus >= 400) return fromRefusal({ ...NO_REFUSAL, httpStatus }, cause);
    return new UpstreamInvalidResponseError("IMM's answer is not JSON.", details);
  }
  return new UpstreamUnavailableError("The call to IMM failed for a reason the gateway does not know.", details);
}

/** What the vendor's stack threw, as a cause to look at: its class, its code and where it was thrown, but not what it says. */
export function withoutWords(thrown: unknown): Error {
  if (!isNativeError(thrown)) return new Error(typeof thrown);
  const { name, message, stack = "" } = thrown;
  const code = readShort(/^\w{1,64}$/, (thrown as NodeJS.ErrnoException).code);
  const cause = new Error(`${readShort(/^\w{1,64}$/, name) ?? "Error"}${code === null ? "" : ` (${code})`}`);
  const frames = stack.includes(message) ? stack.slice(stack.lastIndexOf(message) + message.length) : "";
  cause.stack = `${cause.name}: ${cause.message}${frames}`;
  return cause;
}

/** No wish to wait is believed beyond ten minutes. */
const MAX_RETRY_AFTER_MS = 600_000;

const NO_REFUSAL: Refusal = { httpStatus: 0, code: null, message: null, requestId: null, retryAfterMs: undefined };

/** Reads what the vendor's exception knows. Its own `message` is composed and unsafe, `data` is IMM's JSON. */
function readRefusal(fields: Readonly<Record<string, unknown>>, httpStatus: number): Refusal {
  const data = typeof fields["data"] === "object" && fields["data"] !== null ? fields["data"] : {};
  const body = data as Readonly<Record<string, unknown>>;
  const retryAfter = fields["retryAfter"];
  return {
    httpStatus,
    code: readShort(/^[\w.,{} -]{1,128}$/, body["Code"]) ?? readShort(/^[\w.,{} -]{1,128}$/, fields["code"]),
    message: readText(body["Message"]),
    requestId: readShort(/^[\w-]{1,64}$/, body["RequestId"]) ?? readShort(/^[\w-]{1,64}$/, fields["requestId"]),
    retryAfterMs:
      typeof retryAfter === "number" && retryAfter >= 0 ? Math.min(retryAfter, MAX_RETRY_AFTER_MS) : undefined,
  };
}

/** The vendor's stack writes the word "undefined" where a value is absent. */
function readText(value: unknown): string | null {
  return typeof value === "string" && value !== "" && value !== "undefined" ? value : null;
}

/** Text of a known form, or null: what does not look like a code or an id may be anything. */
function readShort(form: RegExp, value: unknown): string | null {
  const text = readText(value);
  return text !== null && form.test(text) ? text : null;
}

/** `InvalidTaskId` and `MissingTaskId` name the wire's `TaskId`: the argument `taskId`. Null when no name is in it. */
function argumentOf(code: string): string | null {
  const name = /^InvalidJSON[^,]*,\s*(\w+)/.exec(code)?.[1] ?? /^(?:Invalid|Missing)([A-Z]\w*)/.exec(code)?.[1];
  if (name === undefined || name === "Argument" || name === "Parameter") return null;
  return uncapitalize(name);
}
