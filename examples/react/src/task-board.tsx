import { useEffect, useMemo } from "react";
import { Link, type Address } from "./address.tsx";
import { Filters, MAX_AGE_MS } from "./filters.tsx";
import type { TaskFilterStatus } from "./gql/graphql";
import { Problem } from "./problem.tsx";
import type { ProjectFacts } from "./project-facts.ts";
import { TaskList } from "./task-list.tsx";
import { useTaskList, type ListedTask, type TaskListOptions } from "./use-task-list.ts";

interface TaskBoardProps extends ProjectFacts {
  readonly address: Address;
  readonly feed: Pick<TaskListOptions, "generation" | "onRead">;
}

/** The tasks of a project: what runs, then what failed, then the rest, each the newest first. */
export function TaskBoard({ address, feed, ...facts }: TaskBoardProps) {
  const { projectName, taskTypes, mayStart } = facts;
  const { status, type, since } = address;
  const filter = useMemo(() => {
    const maxAgeMs = since === undefined ? undefined : MAX_AGE_MS.get(since);
    return {
      ...(type && { taskTypes: [type] }),
      ...(status && { status: status as TaskFilterStatus }),
      ...(maxAgeMs && { startTime: { from: new Date(Date.now() - maxAgeMs).toISOString() } }),
    };
  }, [status, type, since]);
  const list = useTaskList({ projectName, filter, ...feed });
  useEffect(() => void (document.title = `${projectName} · Tasks`), [projectName]);

  const from = filter.startTime?.from;
  const tasks = useMemo(() => {
    // The subscription puts all on the list that happens in the project.
    const fitting = (list.tasks ?? []).filter(
      (task) =>
        (!status || task.status === status) &&
        (!type || task.taskType === type) &&
        (!from || !task.startTime || Date.parse(task.startTime) >= Date.parse(from)),
    );
    return fitting.toSorted((a, b) => rankOf(a) - rankOf(b) || compareStarts(a, b));
  }, [list.tasks, status, type, from]);

  return (
    <>
      <div className="title">
        <h1>{projectName}</h1>
        {mayStart && (
          <Link to={{ ...address, start: type ?? "any" }} className="button">
            Start a task
          </Link>
        )}
      </div>
      <Filters address={address} taskTypes={taskTypes} />
      {list.error && (
        <Problem error={list.error}>
          <button onClick={list.readAgain}>Try again</button>
        </Problem>
      )}
      {!list.tasks && list.isReading && <p>Reading the tasks…</p>}
      {list.tasks && tasks.length === 0 && !list.isReading && <Empty address={address} />}
      {tasks.length > 0 && (
        <p className="muted counts">
          {countsOf(tasks)} {list.readMore && "There are older ones."}
        </p>
      )}
      <TaskList tasks={tasks} address={address} />
      {list.readMore && (
        <button className="more" disabled={list.isReading} onClick={list.readMore}>
          {list.isReading ? "Reading…" : "Show older tasks"}
        </button>
      )}
    </>
  );
}

function Empty({ address }: { address: Address }) {
  const { project, status, type, since } = address;
  return status || type || since ? (
    <p>
      No task fits the filters. <Link to={{ project }}>Show all tasks</Link>
    </p>
  ) : (
    <p>The project has no tasks of the last seven days. One that starts, here or elsewhere, appears by itself.</p>
  );
}

/** What runs comes first, then what failed. */
function rankOf({ isDone, status }: ListedTask): number {
  if (!isDone) return 0;
  return status === "FAILED" ? 1 : 2;
}

/** The newest first. One that has just been started has no time yet. */
function compareStarts(a: ListedTask, b: ListedTask): number {
  const [first = "9", second = "9"] = [a.startTime ?? undefined, b.startTime ?? undefined];
  if (first === second) return 0;
  return first < second ? 1 : -1;
}

/** For example "2 running, 1 failed, 30 ended well." */
function countsOf(tasks: readonly ListedTask[]): string {
  const running = tasks.filter(({ isDone }) => !isDone).length;
  const failed = tasks.filter(({ status }) => status === "FAILED").length;
  const well = tasks.length - running - failed;
  const parts = [
    running > 0 && `${running} running`,
    failed > 0 && `${failed} failed`,
    well > 0 && `${well} ended well`,
  ];
  return `${parts.filter(Boolean).join(", ")}.`;
}
