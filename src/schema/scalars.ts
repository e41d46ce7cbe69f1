/**
 * The scalars of the schema. JSON and JSONObject are graphql-scalars'; DateTime is ours, because IMM's nanoseconds must
 * leave as they came.
 */

import { GraphQLScalarType } from "graphql";
import { UpstreamInvalidResponseError } from "../errors.js";

export { GraphQLJSON, GraphQLJSONObject } from "graphql-scalars";

/** An instant as RFC 3339 text. Output only: no argument takes one. */
export const GraphQLDateTime = new GraphQLScalarType<string, string>({
  name: "DateTime",
  description:
    "An instant as RFC 3339 text, for example 2021-12-24T03:01:41.662060377Z. IMM's own digits are kept, up to nanoseconds.",
  specifiedByURL: "https://www.rfc-editor.org/rfc/rfc3339",
  serialize(value) {
    if (typeof value === "string" && !Number.isNaN(Date.parse(value))) return value;
    throw new UpstreamInvalidResponseError("IMM gave a time that is not RFC 3339 text.");
  },
});
