import { useFragment } from "@apollo/client/react";
import { Link, type Address } from "./address.tsx";
import { formatDuration, formatInstant, useNow } from "./format.ts";
import type { TaskRowFragment } from "./gql/graphql";
import { TASK_ROW } from "./task-row.fragment.ts";

/** One task of the list, shown anew whenever the cache learns of it. */
export function TaskRow({ id, address }: { id: string; address: Address }) {
  const from = { __typename: "Task" as const, id };
  const { data: task, complete } = useFragment({ fragment: TASK_ROW, fragmentName: "TaskRow", from });
  if (!complete) return null;
  const { taskId, taskType, status, error } = task;
  return (
    <article className="row" data-status={status}>
      <h2>
        <Link to={{ ...address, task: id }}>
          {taskType} <span className="id">{taskId}</span>
        </Link>
      </h2>
      <StatusWord task={task} />
      <Progress task={task} />
      <p className="muted times">
        <Times task={task} />
      </p>
      {error && (
        <p className="failure">
          {error.code && <code>{error.code}</code>} {error.message}
        </p>
      )}
    </article>
  );
}

export function StatusWord({ task: { status, statusText } }: { task: TaskRowFragment }) {
  const word = status === "UNKNOWN" ? statusText || "unknown" : status.toLowerCase();
  return (
    <span className="status" data-status={status}>
      {word}
    </span>
  );
}

/** The bar of a task that runs. */
export function Progress({ task: { taskId, isDone, progress } }: { task: TaskRowFragment }) {
  if (isDone) return null;
  return (
    <div className="progress">
      {/* Without a value the bar says that it is not known. */}
      <progress aria-label={`Progress of ${taskId}`} max={100} value={progress ?? undefined} />
      <span>{progress === null ? "…" : `${progress} %`}</span>
    </div>
  );
}

/** When it started, how long it took, and when it ended or is expected to. */
function Times({ task }: { task: TaskRowFragment }) {
  const { startTime, endTime, isDone } = task;
  if (!startTime) return <>just started</>;
  return (
    <>
      {isDone ? "" : "since "}
      <Instant at={startTime} />
      {isDone && endTime && (
        <>
          {" – "}
          <Instant at={endTime} />, {formatDuration(Date.parse(endTime) - Date.parse(startTime))}
        </>
      )}
      {!isDone && <Running task={task} since={startTime} />}
    </>
  );
}

/** How long a task has been running: the time passes in it alone. */
function Running({ task: { estimatedEndAt }, since }: { task: TaskRowFragment; since: string }) {
  const now = useNow();
  return (
    <>
      , for {formatDuration(now - Date.parse(since))}
      {estimatedEndAt && (
        <>
          , until about <Instant at={estimatedEndAt} />
        </>
      )}
    </>
  );
}

export function Instant({ at }: { at: string }) {
  return <time dateTime={at}>{formatInstant(at)}</time>;
}
