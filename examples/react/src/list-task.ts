import type { ApolloCache, Reference } from "@apollo/client";

const MAX_LISTED = 50;

/** Puts a task that the cache has been told of on top of the board, unless it is there already. */
export function listTask(cache: ApolloCache, { id }: { id: string }): void {
  cache.modify({
    fields: {
      tasks(board, { toReference }) {
        const task = toReference({ __typename: "Task", id });
        if (!task || board.nodes.some(({ __ref }: Reference) => __ref === task.__ref)) return board;
        return { ...board, nodes: [task, ...board.nodes].slice(0, MAX_LISTED) };
      },
    },
  });
}
