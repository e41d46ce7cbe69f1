import { useQuery, useSubscription } from "@apollo/client/react";
import { graphql } from "./gql";
import { listTask } from "./list-task.ts";
import { TaskRow } from "./task-row.tsx";

const BOARD = graphql(`
  query Board($projectName: String!) {
    tasks(projectName: $projectName, orderBy: { field: START_TIME, direction: DESC }, first: 20) {
      nodes {
        id
        ...TaskRow_task
      }
    }
  }
`);

const PROGRESS = graphql(`
  subscription Progress($projectName: String!) {
    projectEvents(projectName: $projectName) {
      task {
        id
        ...TaskRow_task
      }
    }
  }
`);

/** The newest tasks of a project, and all that run or start while the board is open, whoever started them. */
export function TaskBoard({ projectName }: { projectName: string }) {
  const board = useQuery(BOARD, { variables: { projectName } });
  const progress = useSubscription(PROGRESS, {
    variables: { projectName },
    // Tasks are added to a list, so it must be there first.
    skip: board.data === undefined,
    onData: ({ client, data }) => {
      const task = data.data?.projectEvents.task;
      if (task) listTask(client.cache, task);
    },
  });
  const error = board.error ?? progress.error;

  return (
    <>
      {error && <p role="alert">{error.message}</p>}
      <table aria-busy={board.loading}>
        <caption>The newest tasks, and all that run</caption>
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">Type</th>
            <th scope="col">Progress</th>
            <th scope="col">Status</th>
          </tr>
        </thead>
        <tbody>
          {board.data?.tasks?.nodes.map((task) => (
            <TaskRow key={task.id} task={task} />
          ))}
        </tbody>
      </table>
    </>
  );
}
