/**
 * The outward error border, the same for all transports: what was thrown becomes what a client may see. Never throws.
 *
 * Errors of the house show their code and message. Errors of the request itself (parsing, validation, variables) keep
 * the code they have. Anything else is a defect: it is masked, and logged under the id that the client is shown.
 */

import { randomUUID } from "node:crypto";
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import { GatewayError } from "../../errors.js";
import type { Logger } from "../../log.js";

/** Turns one error into the form in which it leaves. */
export type FormatError = (error: unknown) => GraphQLFormattedError;

/**
 * @param logger - gets a line for each masked error, with its `errorId`.
 * @param hasSuggestions - whether graphql-js may say what was perhaps meant, which shows names of the schema.
 */
export function createFormatError(
  logger: Logger,
  { hasSuggestions }: { readonly hasSuggestions: boolean },
): FormatError {
  return (thrown) => {
    const error = thrown instanceof GraphQLError ? thrown : undefined;
    const original = originalOf(thrown);
    if (original instanceof GatewayError) return locate(error, original.message, original.toExtensions());
    if (error !== undefined && isOfRequest(error, original)) {
      const { http: _http, ...extensions } = error.extensions;
      const message = hasSuggestions ? error.message : withoutSuggestions(error.message);
      return locate(error, message, { ...extensions, code: requestCodeOf(error) });
    }
    const errorId = randomUUID();
    logger.error({ errorId, path: error?.path, error: describe(original) }, "An unexpected error was masked.");
    return locate(error, "The gateway failed unexpectedly.", { code: "INTERNAL_SERVER_ERROR", errorId });
  };
}

/** The code under which an error leaves. Logs nothing. */
export function codeOf(thrown: unknown): string {
  const original = originalOf(thrown);
  if (original instanceof GatewayError) return original.code;
  const isKnown = thrown instanceof GraphQLError && isOfRequest(thrown, original);
  return isKnown ? requestCodeOf(thrown) : "INTERNAL_SERVER_ERROR";
}

/** Nothing of ours throws one: it is the parser's, the validation's, Apollo's, or that of an argument that does not fit. */
function isOfRequest(error: GraphQLError, original: unknown): boolean {
  return original instanceof GraphQLError && !isOfAnswer(error, original);
}

function requestCodeOf({ extensions: { code } }: GraphQLError): string {
  return typeof code === "string" && code !== "INTERNAL_SERVER_ERROR" ? code : "BAD_USER_INPUT";
}

/** How every suggestion of graphql-js ends a message. What a client wrote may stand in it too, and is cut off all the same. */
function withoutSuggestions(message: string): string {
  const start = message.indexOf(" Did you mean ");
  return start >= 0 && message.endsWith("?") ? message.slice(0, start) : message;
}

/** Whether a value of ours did not fit the type of its field: unlike an argument's error, that one knows of no place. */
function isOfAnswer(error: GraphQLError, original: GraphQLError): boolean {
  return error.path !== undefined && original.path === undefined && original.nodes === undefined;
}

function locate(
  error: GraphQLError | undefined,
  message: string,
  extensions: Record<string, unknown>,
): GraphQLFormattedError {
  return {
    message,
    ...(error?.locations !== undefined && { locations: error.locations }),
    ...(error?.path !== undefined && { path: error.path }),
    extensions,
  };
}

/** What a resolver threw, under the GraphQLErrors that carry it outward; the error itself when nothing is under it. */
function originalOf(thrown: unknown): unknown {
  let inner = thrown;
  while (inner instanceof GraphQLError && inner.originalError !== undefined) inner = inner.originalError;
  return inner;
}

/** How many causes under a defect are logged: they may go in a circle. */
const MAX_CAUSES = 3;

/** What is logged of a defect and its causes. */
function describe(thrown: unknown, maxCauses = MAX_CAUSES): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { type: typeof thrown };
  const { name, message, stack, cause } = thrown;
  const hasCause = cause !== undefined && maxCauses > 0;
  return { name, message, stack, ...(hasCause && { cause: describe(cause, maxCauses - 1) }) };
}
