/**
 * Where the commands that show tasks get them: whatever executes operations of the gateway's schema. `gateway-source.ts` is a
 * gateway elsewhere, `imm-source.ts` IMM itself.
 */

import type { GraphQLFormattedError } from "graphql";
import { ConfigurationError } from "../../errors.js";
import { aListOf, aShape, aText, MalformedAnswerError, type Check } from "./answers.js";

/** An operation of the schema. */
export interface Operation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A result, as it travels. */
export interface OperationResult {
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
  readonly errors?: readonly GraphQLFormattedError[] | undefined;
}

/** What an operation brings: results, one of a query, then its end once. */
export interface Sink {
  next(result: OperationResult): void;
  /** @param error - why it ended early: a ConfigurationError where the message is a sentence for the user. */
  end(error?: Error): void;
}

/** Why something cannot be followed or read. */
export interface Failure {
  /** One of the codes of `errors[].extensions.code`, for example NOT_FOUND. */
  readonly code: string;
  readonly message: string;
}

/** What executes operations. */
export interface TaskSource {
  /** Returns what ends it: then nothing more is brought. */
  subscribe(operation: Operation, sink: Sink): () => void;
  /** What the user can do about a failure, as a further sentence with a space before it; empty where nothing. */
  cureOf(failure: Failure): string;
  /** Ends what still runs. */
  close(): Promise<void>;
}

/**
 * The answer to a query.
 *
 * @param isData - what it must be.
 * @throws ConfigurationError - saying what was refused, that the source cannot be asked, or that its answer is malformed.
 */
export async function fetchData<Data>(source: TaskSource, operation: Operation, isData: Check): Promise<Data> {
  return new Promise((resolve, reject) => {
    source.subscribe(operation, {
      next({ data, errors = [] }) {
        try {
          // Its root fields are null where they could not be read.
          const isThere = Object.values(data ?? { none: null }).every((field) => field !== null);
          if (!isThere) throw refusalOf(source, errors);
          isData(data, "data");
          resolve(data as Data);
        } catch (thrown) {
          reject(thrown);
        }
      },
      // Nothing, where it has been answered.
      end: (error = new ConfigurationError("The answer broke off.")) => reject(error),
    });
  });
}

const areErrors = aListOf(aShape({ message: aText }));

/** The sentence for an operation that was refused. */
export function refusalOf(
  source: Pick<TaskSource, "cureOf">,
  errors: readonly GraphQLFormattedError[],
): ConfigurationError {
  try {
    areErrors(errors, "errors");
  } catch (thrown) {
    if (thrown instanceof MalformedAnswerError) return thrown;
    throw thrown;
  }
  const sentences = errors.map(({ message, extensions }) => {
    const given = extensions?.["code"];
    const code = typeof given === "string" ? given : "";
    return `${code}${code && ": "}${message}${source.cureOf({ code, message })}`;
  });
  return sentences.length > 0
    ? new ConfigurationError(sentences.join(" "))
    : new MalformedAnswerError("`data` or `errors`, got neither");
}
