/**
 * Executes operations, and each event of a subscription, whatever transport they came by. What throws is a result with one
 * error, and an answer that would be too large is refused before its text is made. `pipeline.ts` and the shared
 * subscriptions call it; it never throws.
 */

import {
  execute,
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  type ExecutionArgs,
  type ExecutionResult,
} from "graphql";
import { letOthersRun } from "../../clock.js";
import { isShort, isTooLarge } from "../../json.js";
import type { CompiledQueries } from "./compiled-queries.js";
import { toFailedResult } from "../subscription/failed-result.js";

/** Executes once, within the bounds of an answer. Never rejects. */
export type Execute = (args: ExecutionArgs) => Promise<ExecutionResult>;

/** What executes. */
export interface ExecutorOptions {
  /** Of the JSON text of an answer; one with more is an error without data. */
  readonly maxResponseBytes: number;
  /** @default graphql-js */
  readonly compiled?: CompiledQueries | undefined;
}

export function createExecutor({ maxResponseBytes, compiled }: ExecutorOptions): Execute {
  return async (args) => {
    try {
      const result = await (compiled === undefined ? execute(args) : compiled.execute(args));
      if (isShort(result, LARGE_LENGTH) && maxResponseBytes >= MAX_SHORT_BYTES) return result;
      if (!isTooLarge(result, LARGE_LENGTH)) return result;
      // Executing, measuring and serializing a large answer are long each: others have a turn in between.
      await letOthersRun();
      if (isTooLarge(result, maxResponseBytes)) return toBoundedResult(result, args, maxResponseBytes);
      await letOthersRun();
      return result;
    } catch (thrown) {
      return toFailedResult(thrown);
    }
  };
}

/** Characters of a text that takes a while to be made. */
const LARGE_LENGTH = 65_536;
/** The text of an answer that is shorter. */
const MAX_SHORT_BYTES = 6 * LARGE_LENGTH;

/** Of an answer to a mutation that is too large, members up to this size stay: every id of a task is smaller. */
const MAX_KEPT_BYTES = 4_096; // 4 KiB

/**
 * What is left of an answer that is too large: of a query, an error alone. A mutation has started tasks that are paid for,
 * so its answer keeps their ids and all else that is small; what is null in it instead may be null by the schema.
 */
function toBoundedResult(result: ExecutionResult, args: ExecutionArgs, maxBytes: number): ExecutionResult {
  const refused = { errors: [refusal(maxBytes)] };
  const operation = getOperationAST(args.document, args.operationName)?.operation;
  if (operation !== OperationTypeNode.MUTATION || !isSelection(result.data)) return refused;
  const errors = isTooLarge(result.errors, maxBytes / 4)
    ? refused.errors
    : [...refused.errors, ...(result.errors ?? [])];
  const kept = { data: withoutLarge(result.data, MAX_KEPT_BYTES), errors };
  return isTooLarge(kept, maxBytes) ? refused : kept;
}

function withoutLarge(selection: Selection, maxBytes: number): Record<string, unknown> {
  const kept = Object.entries(selection).map(([name, member]) => {
    if (isSelection(member)) return [name, withoutLarge(member, maxBytes)];
    return [name, isTooLarge(member, maxBytes) ? null : member];
  });
  return Object.fromEntries(kept) as Record<string, unknown>;
}

type Selection = Readonly<Record<string, unknown>>;

/** Whether a value is what graphql-js makes of a selection of fields; a value of a JSON scalar has a prototype. */
function isSelection(value: unknown): value is Selection {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
}

function refusal(maxBytes: number): GraphQLError {
  return new GraphQLError(`Expected an answer of at most ${maxBytes} bytes: ask for fewer tasks or fields.`, {
    extensions: { code: "BAD_USER_INPUT", argument: null, http: { status: 400 } },
  });
}
