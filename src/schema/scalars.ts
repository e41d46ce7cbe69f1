/**
 * The scalars of the schema. JSON and JSONObject are graphql-scalars', but for what they take: values may be nested
 * however deep, and nothing recurses with them. DateTime is ours, because IMM's nanoseconds must leave, and arrive, as they
 * came.
 */

import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from "graphql";
import {
  GraphQLDateTime as GraphQLMillisecondTime,
  GraphQLJSON as GraphQLAnyJSON,
  GraphQLJSONObject as GraphQLAnyJSONObject,
} from "graphql-scalars";
import { UpstreamInvalidResponseError } from "../errors.js";
import { MAX_JSON_DEPTH } from "../json.js";

type Variables = Readonly<Record<string, unknown>> | null | undefined;

export const GraphQLJSON = new GraphQLScalarType<unknown, unknown>({
  ...GraphQLAnyJSON.toConfig(),
  parseLiteral: (node, variables) => readLiteral(node, variables),
});

export const GraphQLJSONObject = new GraphQLScalarType<object, object>({
  ...GraphQLAnyJSONObject.toConfig(),
  parseValue: toObject,
  parseLiteral: (node, variables) => toObject(readLiteral(node, variables)),
});

/** The library's own writes the value into its message, and recurses to do so. */
function toObject(value: unknown): object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new GraphQLError("Expected a JSON object.");
}

/**
 * The value of a literal. One that is nested too deep is read to one level more than may be, and is null beyond it: the
 * resolver refuses it then, by the name of its argument.
 */
function readLiteral(node: ValueNode, variables: Variables, depthLeft = MAX_JSON_DEPTH + 1): unknown {
  switch (node.kind) {
    case Kind.OBJECT: {
      if (depthLeft === 0) return null;
      const read: Record<string, unknown> = Object.create(null);
      for (const { name, value } of node.fields) read[name.value] = readLiteral(value, variables, depthLeft - 1);
      return read;
    }
    case Kind.LIST:
      return depthLeft === 0 ? null : node.values.map((item) => readLiteral(item, variables, depthLeft - 1));
    case Kind.VARIABLE:
      return variables?.[node.name.value];
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.NULL:
      return null;
    case Kind.ENUM:
      return undefined;
    case Kind.STRING:
    case Kind.BOOLEAN:
      return node.value;
  }
}

/** An instant as RFC 3339 text, in and out. */
export const GraphQLDateTime = new GraphQLScalarType<string, string>({
  name: "DateTime",
  description:
    "An instant as RFC 3339 text, for example 2021-12-24T03:01:41.662060377Z. IMM's own digits are kept, up to nanoseconds.",
  specifiedByURL: "https://www.rfc-editor.org/rfc/rfc3339",
  serialize(value) {
    if (typeof value === "string" && !Number.isNaN(Date.parse(value))) return value;
    throw new UpstreamInvalidResponseError("IMM gave a time that is not RFC 3339 text.");
  },
  parseValue(value) {
    if (typeof value === "string" && isInstant(value)) return value;
    throw new GraphQLError("Expected an instant as RFC 3339 text, for example 2026-01-31T08:00:00Z.");
  },
});

/** By the library's rules, which know how long the months are. */
function isInstant(text: string): boolean {
  try {
    GraphQLMillisecondTime.parseValue(text);
    return true;
  } catch {
    return false;
  }
}
