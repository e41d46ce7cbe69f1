// The types that gql.tada reads off the schema, without code that is generated for each document.

import { initGraphQLTada, type ResultOf } from "gql.tada";
import type { introspection } from "./__generated__/tada.js";

const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: {
    DateTime: string;
    JSON: unknown;
    JSONObject: Record<string, unknown>;
    Long: number | string;
    OssUri: string;
  };
}>();

const Results = graphql(`
  query Results($ids: [ID!]!) {
    nodes(ids: $ids) {
      ... on Task {
        taskId
        result {
          __typename
          ... on VideoModerationResult {
            suggestion
            frames {
              totalCount
              blocked {
                label
                confidencePercent
              }
            }
          }
          ... on VideoLabelClassificationResult {
            labels {
              name
              confidence
              clips {
                startMs
                endMs
              }
            }
          }
        }
      }
    }
  }
`);

type Node = NonNullable<ResultOf<typeof Results>["nodes"][number]>;
type Result = Extract<
  NonNullable<Extract<Node, { taskId: string }>["result"]>,
  { __typename: "VideoModerationResult" }
>;

export const verdict: Result = {
  __typename: "VideoModerationResult",
  suggestion: "BLOCK",
  frames: { totalCount: 200, blocked: [{ label: "ad", confidencePercent: 99.5 }] },
};
