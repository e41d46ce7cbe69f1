import type { FragmentType } from "@apollo/client";
import { useFragment } from "@apollo/client/react";
import { graphql } from "./gql";
import type { TaskRow_TaskFragment } from "./gql/graphql";

const TASK = graphql(`
  fragment TaskRow_task on Task {
    taskId
    taskType
    status
    progress
    isDone
    estimatedEndAt
    error {
      message
    }
  }
`);

/** One task, shown anew whenever the cache learns of it. */
export function TaskRow({ task }: { task: FragmentType<TaskRow_TaskFragment> }) {
  const { data, complete } = useFragment({ fragment: TASK, from: task });
  if (!complete) return null;
  const { taskId, taskType, status, progress, isDone, estimatedEndAt, error } = data;

  return (
    <tr>
      <th scope="row">{taskId}</th>
      <td>{taskType}</td>
      <td>
        {/* Without a value the bar tells that there is no telling. */}
        <progress aria-label={`Progress of ${taskId}`} max={100} value={progress ?? (isDone ? 0 : undefined)} />
      </td>
      <td data-status={status}>
        {error?.message ?? status.toLowerCase()}
        {estimatedEndAt && <small> until {new Date(estimatedEndAt).toLocaleTimeString()}</small>}
      </td>
    </tr>
  );
}
