// The types that relay-compiler makes, and its rules for connections and refetchable fragments, which the schema must meet.

import { graphql } from "relay-runtime";
import type { relayTaskList_tasks$data } from "./__generated__/relayTaskList_tasks.graphql.js";

export const query = graphql`
  query relayTaskListQuery($filter: TaskFilter) {
    ...relayTaskList_tasks @arguments(filter: $filter)
    taskTypes {
      name
      operation
      mutation
    }
  }
`;

export const fragment = graphql`
  fragment relayTaskList_tasks on Query
  @argumentDefinitions(
    filter: { type: "TaskFilter" }
    first: { type: "Int", defaultValue: 20 }
    after: { type: "String" }
  )
  @refetchable(queryName: "relayTaskListPageQuery") {
    tasks(projectName: "immtest", filter: $filter, first: $first, after: $after)
      @connection(key: "relayTaskList_tasks") {
      edges {
        node {
          ...relayTask_task
          id
          startTime
        }
      }
    }
  }
`;

export const taskFragment = graphql`
  fragment relayTask_task on Task @refetchable(queryName: "relayTaskQuery") {
    status
    progress
    tags
    result {
      ... on ImageModerationResult {
        suggestion
      }
    }
  }
`;

export const mutation = graphql`
  mutation relayCompressMutation($input: CreateFileCompressionTaskInput!) {
    createFileCompressionTask(input: $input) {
      task {
        ...relayTask_task
      }
    }
  }
`;

export function startsOf({ tasks }: relayTaskList_tasks$data): readonly (string | null | undefined)[] {
  return tasks?.edges.map(({ node }) => node.startTime) ?? [];
}
