/**
 * The scalars of the schema. JSON and JSONObject are graphql-scalars', but for what they take: values may be nested
 * however deep, and nothing recurses with them. DateTime and Long are ours, because IMM's nanoseconds and digits must leave,
 * and arrive, as they came: the library's Long takes a number that was rounded on its way, and any text that is one to
 * JavaScript.
 */

import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from "graphql";
import { GraphQLJSON as GraphQLAnyJSON, GraphQLJSONObject as GraphQLAnyJSONObject } from "graphql-scalars";
import { UpstreamInvalidResponseError } from "../errors.js";
import { isOssUri, OSS_URI, readNumber } from "../imm/operations/operations.js";
import { MAX_JSON_DEPTH, readExactNumber, withPlainNumbers } from "../json.js";
import { isInstant } from "../tasks/instant.js";

type Variables = Readonly<Record<string, unknown>> | null | undefined;

export const GraphQLJSON = new GraphQLScalarType<unknown, unknown>({
  ...GraphQLAnyJSON.toConfig(),
  serialize: withPlainNumbers,
  parseLiteral: (node, variables) => readLiteral(node, variables),
});

export const GraphQLJSONObject = new GraphQLScalarType<object, object>({
  ...GraphQLAnyJSONObject.toConfig(),
  serialize: (value) => toObject(withPlainNumbers(value)),
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

/** An instant as RFC 3339 text, in and out: what `isInstant` takes. */
export const GraphQLDateTime = new GraphQLScalarType<string, string>({
  name: "DateTime",
  description:
    "An instant as RFC 3339 text, for example 2021-12-24T03:01:41.662060377Z. IMM's own digits are kept, up to nanoseconds.",
  specifiedByURL: "https://www.rfc-editor.org/rfc/rfc3339",
  // What IMM gave was looked at as it came: `FACTS` of tasks/snapshot.ts.
  serialize: String,
  parseValue(value) {
    if (typeof value === "string" && isInstant(value)) return value;
    throw new GraphQLError("Expected an instant as RFC 3339 text, for example 2026-01-31T08:00:00Z.");
  },
});

/** Where an object of OSS is. */
export const GraphQLOssUri = new GraphQLScalarType<string, string>({
  name: "OssUri",
  description:
    "The OSS URI of an object, or what such URIs begin with: `oss://bucket/object`, for example oss://examplebucket/reports/2026.pdf. The bucket must be in the project's region.",
  serialize: String,
  parseValue(value) {
    if (typeof value === "string" && isOssUri(value)) return value;
    throw new GraphQLError(`Expected ${OSS_URI}.`);
  },
});

const INT64 = { type: "integer", format: "int64" } as const;

/** A whole number of 64 bits: JavaScript's number where that holds it exactly, else a bigint. */
export const GraphQLLong = new GraphQLScalarType<number | bigint, number | string>({
  name: "Long",
  description:
    'A whole number of 64 bits that keeps all its digits. It leaves as a JSON number from -9007199254740991 to 9007199254740991, which is what JavaScript holds exactly, and as text of its digits beyond, for example "9007199254740993". Both forms are taken, and any number that is written in a document. A JSON number beyond that range is refused in variables, since it was rounded before it came here: send text.',
  serialize(value) {
    const number = readNumber(INT64, value);
    if (number === undefined)
      throw new UpstreamInvalidResponseError("IMM gave a number that is no integer of 64 bits.");
    return typeof number === "bigint" ? String(number) : number;
  },
  parseValue: (value) => toLong(typeof value === "string" ? readDigits(value) : value),
  parseLiteral: (node) =>
    toLong(node.kind === Kind.INT || node.kind === Kind.STRING ? readDigits(node.value) : undefined),
});

function toLong(value: unknown): number | bigint {
  const number = readNumber(INT64, value);
  if (number !== undefined) return number;
  throw new GraphQLError(
    'Expected a whole number of 64 bits; beyond 9007199254740991 as text of its digits, for example "9007199254740993".',
  );
}

function readDigits(text: string): unknown {
  return /^-?\d+$/.test(text) ? readExactNumber(text) : undefined;
}
