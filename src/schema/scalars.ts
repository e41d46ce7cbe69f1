/**
 * The scalars of the schema. JSON and JSONObject are graphql-scalars'; DateTime is ours, because IMM's nanoseconds must
 * leave, and arrive, as they came.
 */

import { GraphQLError, GraphQLScalarType } from "graphql";
import { GraphQLDateTime as GraphQLMillisecondTime } from "graphql-scalars";
import { UpstreamInvalidResponseError } from "../errors.js";

export { GraphQLJSON, GraphQLJSONObject } from "graphql-scalars";

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
