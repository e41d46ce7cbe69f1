// The types that @graphql-codegen makes, the variables of every part of the schema among them.

import type { ResultOf, VariablesOf } from "gql.tada";
import { graphql } from "./__generated__/codegen/gql.js";

const Failed = graphql(`
  query Failed($filter: TaskFilter, $orderBy: TaskOrder) {
    tasks(projectName: "immtest", filter: $filter, orderBy: $orderBy) {
      nodes {
        id
        status
        endTime
        error {
          code
        }
      }
    }
  }
`);

export const variables: VariablesOf<typeof Failed> = {
  filter: { status: "FAILED", tag: { key: "team", value: "video" }, startTime: { from: "2026-01-31T08:00:00Z" } },
  orderBy: { field: "END_TIME", direction: "DESC" },
};

// @ts-expect-error a list cannot be asked for the state UNKNOWN
export const wrong: VariablesOf<typeof Failed> = { filter: { status: "UNKNOWN" } };

export function codesOf({ tasks }: ResultOf<typeof Failed>): readonly (string | null | undefined)[] {
  return tasks?.nodes.map(({ error }) => error?.code) ?? [];
}
