/**
 * Every error of the house. A failed task is data, never one of these; only a call that failed is an error.
 *
 * | class                        | code                      | thrown when                                              | retryable |
 * | ---------------------------- | ------------------------- | -------------------------------------------------------- | --------- |
 * | BadUserInputError            | BAD_USER_INPUT            | an argument is malformed, here or by IMM's word          | no        |
 * | IdempotencyKeyReusedError    | BAD_USER_INPUT            | a key comes back with another input                      | no        |
 * | NotFoundError                | NOT_FOUND                 | IMM knows no such project or task, or no longer          | no        |
 * | UnauthenticatedError         | UNAUTHENTICATED           | a caller does not show who it is                         | no        |
 * | ForbiddenError               | FORBIDDEN                 | the gateway's rules, or IMM, deny the operation          | no        |
 * | RateLimitedError             | RATE_LIMITED              | the caller has spent its own allowance                   | no        |
 * | UpstreamThrottledError       | UPSTREAM_THROTTLED        | IMM throttles after retries, or the local budget is spent | yes      |
 * | OutcomeUnknownError          | OUTCOME_UNKNOWN           | a create's answer was lost: it may have started a task   | no        |
 * | UpstreamTimeoutError         | UPSTREAM_TIMEOUT          | no answer within the gateway's own deadline              | yes       |
 * | UpstreamUnavailableError     | UPSTREAM_UNAVAILABLE      | 5xx, a network fault, or the breaker is open             | yes       |
 * | UpstreamInvalidResponseError | UPSTREAM_INVALID_RESPONSE | an answer that is not JSON or not of the documented shape | yes      |
 * | UpstreamRejectedError        | UPSTREAM_INVALID_RESPONSE | IMM refuses with a code that no rule knows               | no        |
 * | UpstreamMisconfiguredError   | UPSTREAM_MISCONFIGURED    | IMM refuses the gateway's credentials, clock or endpoint | no        |
 * | CredentialsUnavailableError  | UPSTREAM_MISCONFIGURED    | the gateway's credentials cannot be had at the moment    | yes       |
 * | InvalidDefinitionError       | UPSTREAM_INVALID_RESPONSE | a request definition that is nested too deep, or too long | no        |
 * | ConfigurationError           | (none: stops the start)   | a setting does not parse or contradicts another          | no        |
 *
 * "Retryable" means that the same read may succeed later: `call-policy` retries it, a watch outlives it. A create is
 * only retried when also `mayHaveArrived` is false: IMM has no token that would make a repeated one harmless.
 * Messages are ours and safe to show; what the vendor wrote never enters them unredacted.
 */

import { isNativeError } from "node:util/types";

/** The stable values of `errors[].extensions.code` that the gateway itself sets. */
export type ErrorCode =
  | "BAD_USER_INPUT"
  | "NOT_FOUND"
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "RATE_LIMITED"
  | "OUTCOME_UNKNOWN"
  | "UPSTREAM_THROTTLED"
  | "UPSTREAM_TIMEOUT"
  | "UPSTREAM_UNAVAILABLE"
  | "UPSTREAM_INVALID_RESPONSE"
  | "UPSTREAM_MISCONFIGURED"
  | "PERSISTED_QUERY_NOT_FOUND"
  | "PERSISTED_QUERY_ID_REQUIRED"
  | "PERSISTED_QUERY_NOT_SUPPORTED"
  | "INTERNAL_SERVER_ERROR";

/** What IMM called its refusal: enough to open a support case, nothing that is secret. */
export interface ImmFault {
  /** IMM's own `Code`, for example `ResourceNotFound`. */
  readonly code: string | null;
  /** IMM's `RequestId`, what its support asks for. */
  readonly requestId: string | null;
}

/** What an error may carry besides its message. */
export interface GatewayErrorDetails {
  /** IMM's own code and request id, when IMM answered. */
  readonly imm?: ImmFault | undefined;
  /** Milliseconds after which trying again makes sense, when that is known. */
  readonly retryAfterMs?: number | undefined;
  /** What was thrown before it. No client sees it; of the vendor's stack it holds the class, the code and the place. */
  readonly cause?: unknown;
}

/** The base of every error that a client may see as it is. */
export abstract class GatewayError extends Error {
  abstract readonly code: ErrorCode;
  /** Whether the same read may succeed later. */
  readonly retryable: boolean = false;
  /** False when IMM certainly did nothing: it refused, or the request never left. Else a create may have started a task. */
  readonly mayHaveArrived: boolean = false;
  readonly imm: ImmFault | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: GatewayErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.imm = details.imm;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** The members of `errors[].extensions` that this error fills, `code` among them. */
  toExtensions(): Record<string, unknown> {
    return {
      code: this.code,
      ...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
      ...(this.imm !== undefined && { imm: this.imm }),
    };
  }
}

/** Thrown when an argument is malformed, by our own check or by IMM's `Invalid…`, `Missing…`, `LimitExceeded…`. */
export class BadUserInputError extends GatewayError {
  override readonly code = "BAD_USER_INPUT";
  /** The GraphQL argument at fault, or null when IMM did not say. */
  readonly argument: string | null;

  constructor(argument: string | null, message: string, details?: GatewayErrorDetails) {
    super(message, details);
    this.argument = argument;
  }

  override toExtensions(): Record<string, unknown> {
    return { ...super.toExtensions(), argument: this.argument };
  }
}

/** Thrown when an idempotency key was used with another input before. A create's payload says it. */
export class IdempotencyKeyReusedError extends BadUserInputError {}

/** Thrown when IMM answers `ResourceNotFound…`: a wrong name, a wrong region, or a task older than seven days. */
export class NotFoundError extends GatewayError {
  override readonly code = "NOT_FOUND";
  /** Whether IMM said that it is the project. */
  readonly isOfProject: boolean;

  constructor(message: string, details: GatewayErrorDetails & { readonly isOfProject?: boolean } = {}) {
    super(message, details);
    this.isOfProject = details.isOfProject ?? false;
  }
}

/** Thrown when a caller shows no credentials, wrong ones or expired ones. */
export class UnauthenticatedError extends GatewayError {
  override readonly code = "UNAUTHENTICATED";
}

/** Thrown when IMM denies the gateway's account an operation or a project. */
export class ForbiddenError extends GatewayError {
  override readonly code = "FORBIDDEN";
}

/** Thrown when the caller has spent its own allowance: more at once would be at the cost of others. */
export class RateLimitedError extends GatewayError {
  override readonly code = "RATE_LIMITED";
}

/** Thrown when IMM still throttles after the retries, or the gateway's own budget for the project is spent. */
export class UpstreamThrottledError extends GatewayError {
  override readonly code = "UPSTREAM_THROTTLED";
  override readonly retryable = true;
}

/**
 * Thrown when a create's answer was lost, now or at the first use of its idempotency key: a task may have been started,
 * and it is not known which. Trying again without a key may start another. A create's payload says it.
 */
export class OutcomeUnknownError extends GatewayError {
  override readonly code = "OUTCOME_UNKNOWN";
  override readonly mayHaveArrived = true;
}

/** Thrown when IMM did not answer within the gateway's own deadline. */
export class UpstreamTimeoutError extends GatewayError {
  override readonly code = "UPSTREAM_TIMEOUT";
  override readonly retryable = true;
  override readonly mayHaveArrived = true;
}

/** Thrown on HTTP 5xx, on a network fault, and while the circuit breaker is open; the last word of a stream that is cut. */
export class UpstreamUnavailableError extends GatewayError {
  override readonly code = "UPSTREAM_UNAVAILABLE";
  override readonly retryable = true;
  /** True unless the request certainly never left this machine. */
  override readonly mayHaveArrived: boolean;

  constructor(message: string, details: GatewayErrorDetails & { readonly mayHaveArrived?: boolean } = {}) {
    super(message, details);
    this.mayHaveArrived = details.mayHaveArrived ?? true;
  }
}

/** Thrown when an answer is not JSON or not of the documented shape. */
export class UpstreamInvalidResponseError extends GatewayError {
  override readonly code = "UPSTREAM_INVALID_RESPONSE";
  override readonly retryable = true;
  override readonly mayHaveArrived = true;
}

/** Thrown when IMM refuses a request with a code that no rule of the house knows. */
export class UpstreamRejectedError extends GatewayError {
  override readonly code = "UPSTREAM_INVALID_RESPONSE";
}

/** Thrown when IMM refuses the gateway's own credentials, clock or endpoint: an operator has to act. */
export class UpstreamMisconfiguredError extends GatewayError {
  override readonly code = "UPSTREAM_MISCONFIGURED";
}

/** Thrown when the source of the gateway's credentials does not give any at the moment; the request never left. */
export class CredentialsUnavailableError extends UpstreamMisconfiguredError {
  override readonly retryable = true;
}

/** Stands for a task's request definition that is there but is nested too deep, or too long to be searched for secrets. */
export class InvalidDefinitionError extends GatewayError {
  override readonly code = "UPSTREAM_INVALID_RESPONSE";
}

/** Thrown when a setting does not parse or contradicts another. The message is the one sentence to print. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/** Why a port cannot be had, by the system's code. */
const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another program",
  EACCES: "may not be used by this user",
  EADDRNOTAVAIL: "is not an address of this machine",
  ENOTFOUND: "is not an address of this machine",
  EAI_AGAIN: "is a name that cannot be looked up now",
};

/** What a server threw that could not listen: a ConfigurationError where the address is at fault, else what it threw. */
export function toListenError(thrown: unknown, host: string, port: number): Error {
  const error = toError(thrown);
  const reason = "code" in error ? LISTEN_FAILURES[String(error.code)] : undefined;
  if (reason === undefined) return error;
  return new ConfigurationError(`Cannot listen on ${host}:${port}: it ${reason}.`, { cause: error });
}

/** Anything thrown, as an `Error`. */
export function toError(thrown: unknown): Error {
  return isNativeError(thrown) ? thrown : new Error(String(thrown), { cause: thrown });
}

/**
 * The same call, which answers at once where that does; before it fails, `onFailure` is called with what it fails with and what
 * was asked.
 */
export function watchFailures<A, T>(
  call: (asked: A) => T | Promise<T>,
  onFailure: (thrown: unknown, asked: A) => void,
): (asked: A) => T | Promise<T> {
  const settle = async (given: Promise<T>, asked: A): Promise<T> => {
    try {
      return await given;
    } catch (thrown) {
      onFailure(thrown, asked);
      throw thrown;
    }
  };
  return (asked) => {
    let given: T | Promise<T>;
    try {
      given = call(asked);
    } catch (thrown) {
      onFailure(thrown, asked);
      throw thrown;
    }
    return given instanceof Promise ? settle(given, asked) : given;
  };
}

/** Marks a branch that the types rule out. */
export function assertNever(value: never): never {
  throw new Error(`Unreachable: ${JSON.stringify(value)}`);
}

/** What the instances of a gateway share cannot be reached. Never leaves the gateway: each part knows what it does without. */
export class SharedStateAwayError extends Error {
  override readonly name = "SharedStateAwayError";

  constructor(options?: ErrorOptions) {
    super("What the instances of the gateway share cannot be reached.", options);
  }
}
