/**
 * Whether a document may be executed at all: parsed and validated within the gateway's limits, with Apollo's codes. The
 * same for a document that a client sends and for one of the manifest. Pure.
 */

import {
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type GraphQLSchema,
} from "graphql";

/** What a document is checked against. */
export interface DocumentRules {
  readonly schema: GraphQLSchema;
  readonly hasIntrospection: boolean;
  readonly maxQueryTokens: number;
}

/** A document, and what is wrong with it. */
export interface CheckedDocument {
  /** Undefined when the text does not parse. */
  readonly document: DocumentNode | undefined;
  /** Empty when it may be executed. */
  readonly errors: readonly GraphQLError[];
}

/** Parses and validates a document. */
export function checkDocument(
  text: string,
  { schema, hasIntrospection, maxQueryTokens }: DocumentRules,
): CheckedDocument {
  let document: DocumentNode;
  try {
    document = parse(text, { maxTokens: maxQueryTokens });
  } catch (thrown) {
    if (!(thrown instanceof GraphQLError)) throw thrown;
    return { document: undefined, errors: [withCode(thrown, "GRAPHQL_PARSE_FAILED")] };
  }
  const rules = hasIntrospection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const found = validate(schema, document, rules);
  const shown = hasIntrospection ? found : found.map(withoutSuggestion);
  return { document, errors: shown.map((error) => withCode(error, "GRAPHQL_VALIDATION_FAILED")) };
}

/** Gives an error the code that Apollo gives it. */
export function withCode(error: GraphQLError, code: string): GraphQLError {
  error.extensions["code"] ??= code;
  return error;
}

/** The error without graphql-js's guess at what was meant, which tells what the schema has. */
function withoutSuggestion(error: GraphQLError): GraphQLError {
  const message = error.message.replace(/ ?Did you mean .*$/s, "");
  return new GraphQLError(message, { ...(error.nodes !== undefined && { nodes: error.nodes }) });
}
