/**
 * The documents that may be executed, parsed and validated within the gateway's limits, with Apollo's codes: the one cache
 * of all transports, bounded by bytes, and beside it the documents of the manifest, which are always kept.
 *
 * A document that may not be executed is not kept: then no number of them drives out those that are used. Nothing here
 * throws, whatever the text.
 */

import {
  GraphQLError,
  Kind,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
  visit,
  type DefinitionNode,
  type DocumentNode,
  type GraphQLSchema,
} from "graphql";
import { LRUCache } from "lru-cache";
import { findExcess, type DocumentBounds } from "./document-bounds.js";
import { NoIntrospectionRule } from "./introspection.rule.js";
import { UnconditionalRootRule } from "./unconditional-root.rule.js";

/** What a document is checked against. */
export interface DocumentRules extends DocumentBounds {
  readonly schema: GraphQLSchema;
  readonly hasIntrospection: boolean;
  readonly maxQueryTokens: number;
}

/** What the documents of a gateway are bounded by. */
export interface DocumentsOptions extends DocumentRules {
  /** Bytes of the cache, as `estimateBytes` counts them; the least recently used documents go first. */
  readonly maxDocumentCacheBytes: number;
}

/** A document, and what is wrong with it. */
export interface CheckedDocument {
  readonly text: string;
  /** Undefined when the text does not parse. */
  readonly document: DocumentNode | undefined;
  /** Empty when it may be executed. */
  readonly errors: readonly GraphQLError[];
}

/** From here on a document's errors say no places: each is found by counting lines from the beginning. */
const MAX_LINES_WITH_PLACES = 5_000;

/** The documents of one gateway. */
export class Documents {
  readonly #rules: DocumentRules;
  readonly #recent: LRUCache<string, CheckedDocument>;
  readonly #kept = new Map<string, CheckedDocument>();

  constructor({ maxDocumentCacheBytes, ...rules }: DocumentsOptions) {
    this.#rules = rules;
    this.#recent = new LRUCache({
      maxSize: maxDocumentCacheBytes,
      sizeCalculation: estimateBytes,
    });
  }

  /** The document of this text, and whether it may be executed. */
  check(text: string): CheckedDocument {
    const known = this.#kept.get(text) ?? this.#recent.get(text);
    if (known !== undefined) return known;
    const checked = checkDocument(text, this.#rules);
    if (checked.errors.length > 0) return checked;
    this.#recent.set(text, checked);
    return checked;
  }

  /** Checks a document of the manifest; it is kept for good when it may be executed. */
  keep(text: string): CheckedDocument {
    const checked = checkDocument(text, this.#rules);
    if (checked.errors.length > 0) return checked;
    this.#kept.set(text, checked);
    return checked;
  }
}

/**
 * Bytes that a document takes in memory, rather too many: its text as V8 may hold it, and its syntax tree. Measured on
 * Node 20: 112 to 164 bytes a token, 260 where every token is a field of its own.
 */
function estimateBytes({ text, document }: CheckedDocument): number {
  return 1_000 + 2 * text.length + 260 * (document?.tokenCount ?? 0);
}

function checkDocument(text: string, rules: DocumentRules): CheckedDocument {
  const refuse = (code: string, errors: readonly GraphQLError[], document?: DocumentNode): CheckedDocument => ({
    text,
    document,
    errors: errors.map((error) => withCode(error, code)),
  });
  let document: DocumentNode;
  try {
    document = parse(text, { maxTokens: rules.maxQueryTokens });
  } catch (thrown) {
    return refuse("GRAPHQL_PARSE_FAILED", [toGraphQLError(thrown, "The document cannot be parsed.")]);
  }
  try {
    const errors = findErrors(document, rules);
    if (errors.length > 0) return refuse("GRAPHQL_VALIDATION_FAILED", errors, document);
  } catch (thrown) {
    const error = toGraphQLError(thrown, "The document cannot be validated.");
    return refuse("GRAPHQL_VALIDATION_FAILED", [error], document);
  }
  removePlaces(document);
  return { text, document, errors: [] };
}

function findErrors(document: DocumentNode, rules: DocumentRules): readonly GraphQLError[] {
  const { schema, hasIntrospection } = rules;
  const excess = findExcess(document, rules);
  if (excess !== null) return [new GraphQLError(excess)];
  if ((document.loc?.endToken.line ?? 0) > MAX_LINES_WITH_PLACES) removePlaces(document);
  if (document.definitions.some(isSubscription)) {
    // By itself, and first: graphql-js's rule of the single root field throws where this one finds an error.
    const errors = validate(schema, document, [UnconditionalRootRule]);
    if (errors.length > 0) return errors;
  }
  if (hasIntrospection) return validate(schema, document, specifiedRules);
  return validate(schema, document, [...specifiedRules, NoIntrospectionRule], { hideSuggestions: true });
}

function isSubscription(definition: DefinitionNode): boolean {
  return definition.kind === Kind.OPERATION_DEFINITION && definition.operation === OperationTypeNode.SUBSCRIPTION;
}

/**
 * Takes from a syntax tree where its parts stand in the text, and the tokens with it: two thirds of its bytes. Errors of
 * the execution, each of which would count the lines of the text, name a path.
 */
function removePlaces(document: DocumentNode): void {
  visit(document, {
    enter(node) {
      (node as { loc?: unknown }).loc = undefined;
    },
  });
}

/** Gives an error the code that Apollo gives it. */
export function withCode(error: GraphQLError, code: string): GraphQLError {
  error.extensions["code"] ??= code;
  return error;
}

/** What was thrown, if it is meant for clients; else, as for a call stack that is full, an error that says the least. */
function toGraphQLError(thrown: unknown, message: string): GraphQLError {
  return thrown instanceof GraphQLError ? thrown : new GraphQLError(message);
}
