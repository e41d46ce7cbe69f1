/**
 * Queries that come often, compiled by graphql-jit: their fields are then read without graphql-js's walk over the document.
 *
 * A query is compiled behind the answer of one of its requests, one query at a time, and forgotten with its document or when
 * others are used more. What graphql-jit answers otherwise is never compiled: @skip and @include (on a fragment silently
 * wrong, on a field in another order), fields whose values may not fit their type, since the reason is lost, and root fields
 * one of which may fail for all.
 */

import {
  execute,
  getOperationAST,
  GraphQLError,
  isNonNullType,
  Kind,
  OperationTypeNode,
  visit,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLErrorExtensions,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from "graphql";
import type { CompiledQuery } from "graphql-jit";
import { LRUCache } from "lru-cache";
import { letOthersRun } from "../../clock.js";

/** Requests of a query before it is compiled: compiling takes as long as a hundred of them. */
const USES_BEFORE = 50;
/** Queries that are compiled at once. Each takes some hundred kilobytes. */
const MAX_COMPILED = 100;
/** Of a document: a longer one takes more than a few milliseconds, in which nobody else is served. */
const MAX_TOKENS = 500;

/** One operation of one document. */
interface Use {
  count: number;
  /** Null where it is not to be compiled. */
  query: CompiledQuery["query"] | undefined | null;
}

/** The compiled queries of one gateway. */
export class CompiledQueries {
  readonly #schema: GraphQLSchema;
  readonly #usesBefore: number;
  /** By document, then by the name of the operation. */
  readonly #uses = new WeakMap<DocumentNode, Map<string, Use>>();
  readonly #compiled = new LRUCache<Use, true>({ max: MAX_COMPILED, dispose: (_true, use) => forget(use) });
  #compiling: Promise<void> | undefined;

  /** @param usesBefore - requests of a query before it is compiled. */
  constructor(schema: GraphQLSchema, usesBefore = USES_BEFORE) {
    this.#schema = schema;
    this.#usesBefore = usesBefore;
  }

  /** How many there are. */
  get size(): number {
    return this.#compiled.size;
  }

  /** Settles when none is being compiled. */
  get idle(): Promise<void> {
    return this.#compiling ?? Promise.resolve();
  }

  /** Executes as graphql-js does, which it is given to unless it has been compiled. */
  execute(args: ExecutionArgs): ReturnType<typeof execute> {
    const use = this.#useOf(args);
    if (use.query === undefined) {
      use.count += 1;
      if (use.count >= this.#usesBefore) this.#compiling ??= this.#compileLater(args, use);
    }
    if (use.query === undefined || use.query === null) return execute(args);
    this.#compiled.get(use);
    // The cast: of graphql-js's own types, which the package writes out.
    const outcome = use.query(args.rootValue, args.contextValue, args.variableValues) as ReturnType<typeof execute>;
    // Nothing was executed: its words on variables are others.
    if (!("then" in outcome) && outcome.data === undefined) return execute(args);
    return "then" in outcome ? outcome.then(withOriginalErrors) : withOriginalErrors(outcome);
  }

  #useOf({ document, operationName }: ExecutionArgs): Use {
    let uses = this.#uses.get(document);
    if (uses === undefined) this.#uses.set(document, (uses = new Map<string, Use>()));
    const name = operationName ?? "";
    let use = uses.get(name);
    if (use === undefined) uses.set(name, (use = { count: 0, query: undefined }));
    return use;
  }

  async #compileLater({ document, operationName }: ExecutionArgs, use: Use): Promise<void> {
    try {
      await letOthersRun();
      use.query = await compile(this.#schema, document, operationName);
      if (use.query !== null) this.#compiled.set(use, true);
    } catch {
      // graphql-js goes on with it.
      use.query = null;
    } finally {
      this.#compiling = undefined;
    }
  }
}

/** An error of its own, such as null where the schema has none, has nothing under it: for graphql-js that is a defect of a resolver. */
function withOriginalErrors(result: ExecutionResult): ExecutionResult {
  if (result.errors === undefined) return result;
  const errors = result.errors.map(({ message, path, originalError = new Error(message) }) => {
    const { extensions } = originalError as { readonly extensions?: GraphQLErrorExtensions };
    return new GraphQLError(message, { path, originalError, extensions });
  });
  return { ...result, errors };
}

function forget(use: Use): void {
  use.count = 0;
  use.query = undefined;
}

/** The query, compiled; null where that would not be the same. */
export async function compile(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
): Promise<CompiledQuery["query"] | null> {
  if ((document.tokenCount ?? 0) > MAX_TOKENS) return null;
  const root = getOperationAST(document, operationName);
  if (root?.operation !== OperationTypeNode.QUERY || !isSafe(document) || !endsAtOnce(root, schema)) return null;
  // Not at the start, which would take longer for it.
  const { compileQuery, isCompiledQuery } = await import("graphql-jit");
  const compiled = compileQuery(schema, document, operationName ?? undefined, { disablingCapturingStackErrors: true });
  return isCompiledQuery(compiled) ? compiled.query : null;
}

/** Fields whose values come from IMM as they are: one that does not fit its type is an error that graphql-jit does not keep. */
const UNCHECKED_FIELDS: ReadonlySet<string> = new Set(["result", "__schema", "__type"]);

/**
 * Whether no root field fails for all while others are still being read: graphql-js then answers at once, with that error
 * alone, and graphql-jit with those that come later as well.
 */
function endsAtOnce({ selectionSet: { selections } }: OperationDefinitionNode, schema: GraphQLSchema): boolean {
  const fields = schema.getQueryType()?.getFields() ?? {};
  const isAlone = selections.length === 1;
  return selections.every(
    (selection) => selection.kind === Kind.FIELD && (isAlone || !isNonNullType(fields[selection.name.value]?.type)),
  );
}

/**
 * Whether the code that graphql-jit writes is that of the document and nothing else. It writes the values of arguments into
 * the code, and takes a text that begins with a marker of its own for code: so no text of a client ever gets there, and
 * clients give theirs by variables, which stay data. A member called `__proto__` would be none.
 */
function isSafe(document: DocumentNode): boolean {
  let isSafeSoFar = true;
  visit(document, {
    StringValue: () => void (isSafeSoFar = false),
    Directive: () => void (isSafeSoFar = false),
    Name: ({ value }) => void (isSafeSoFar &&= value !== "__proto__"),
    Field: ({ name }) => void (isSafeSoFar &&= !UNCHECKED_FIELDS.has(name.value)),
  });
  return isSafeSoFar;
}
