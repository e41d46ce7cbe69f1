/** What an operation, or an event of a subscription, comes to where the gateway fails: one error, masked as it leaves. Pure. */

import { GraphQLError, type ExecutionResult } from "graphql";
import { toError } from "../../errors.js";

/** A result without data. */
export function toFailedResult(thrown: unknown): ExecutionResult {
  return { errors: [toOperationError(thrown)] };
}

/** What was thrown as an error of the operation; a defect stays under it, for the log. */
export function toOperationError(thrown: unknown): GraphQLError {
  if (thrown instanceof GraphQLError) return thrown;
  const originalError = toError(thrown);
  return new GraphQLError(originalError.message, { originalError });
}
