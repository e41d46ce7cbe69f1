/**
 * The list of tasks. What is read of the gateway has all that a row shows; what the list itself asks the cache for is only what it
 * filters and orders by. So a task whose progress changes is shown anew by its own row, and the list, which may have a thousand, is
 * not read again.
 */

import { useApolloClient, useQuery } from "@apollo/client/react";
import { useCallback, useEffect, useState } from "react";
import { graphql } from "./gql";
import type { ListedQuery, TaskFilter } from "./gql/graphql";

const READ = graphql(`
  query Board($projectName: String!, $filter: TaskFilter, $after: String) {
    tasks(
      projectName: $projectName
      filter: $filter
      orderBy: { field: START_TIME, direction: DESC }
      first: 100
      after: $after
    ) {
      nodes {
        ...TaskRow
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const LISTED = graphql(`
  query Listed($projectName: String!, $filter: TaskFilter) {
    tasks(projectName: $projectName, filter: $filter, orderBy: { field: START_TIME, direction: DESC }) {
      nodes {
        id
        taskType
        status
        isDone
        startTime
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** A task as the list knows it. */
export type ListedTask = NonNullable<ListedQuery["tasks"]>["nodes"][number];

export interface TaskListOptions {
  readonly projectName: string;
  /** The same object for as long as it is the same filter. */
  readonly filter: TaskFilter;
  /** Another number asks for the list to be read anew. */
  readonly generation: number;
  /** After each reading: what the subscription told of must be on the list too. */
  readonly onRead: () => void;
}

export function useTaskList({ projectName, filter, generation, onRead }: TaskListOptions) {
  const client = useApolloClient();
  const [isReading, setIsReading] = useState(true);
  const [error, setError] = useState<Error>();
  const { data } = useQuery(LISTED, { variables: { projectName, filter }, fetchPolicy: "cache-only" });
  const listed = data?.tasks;

  const read = useCallback(
    async (after?: string | null) => {
      setIsReading(true);
      setError(undefined);
      try {
        await client.query({ query: READ, variables: { projectName, filter, after }, fetchPolicy: "network-only" });
        onRead();
      } catch (thrown) {
        setError(thrown as Error);
      } finally {
        setIsReading(false);
      }
    },
    [client, projectName, filter, onRead],
  );
  useEffect(() => void read(), [read, generation]);

  const readMore = listed?.pageInfo.hasNextPage ? () => void read(listed.pageInfo.endCursor) : undefined;
  return { tasks: listed?.nodes, isReading, error, readMore, readAgain: () => void read() };
}
