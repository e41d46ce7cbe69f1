/**
 * IMM in memory, ready to answer: a hundred finished tasks, every tenth failed. All servers of the comparison read it, in
 * processes and packages of their own, so it imports nothing.
 */

export const REGION = "cn-hangzhou";
export const PROJECT = "bench";

/** What identifies a task, as a variable of the documents. */
export interface Key {
  readonly projectName: string;
  readonly taskType: string;
  readonly taskId: string;
}

/** A finished task, as both reads of IMM give it. */
export interface UpstreamTask {
  readonly taskType: string;
  readonly taskId: string;
  readonly status: string;
  readonly progress: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly startTime: string;
  readonly endTime: string;
  readonly userData: string;
  readonly tags: Readonly<Record<string, unknown>>;
  readonly taskRequestDefinition: undefined;
  readonly requestId: string;
  readonly eventId: string;
}

const startedAt = Date.UTC(2026, 0, 1);

const tasks: readonly UpstreamTask[] = Array.from({ length: 100 }, (_value, index) => {
  const hasFailed = index % 10 === 9;
  return {
    taskType: index % 2 === 0 ? "FileCompression" : "VideoLabelClassification",
    taskId: `task-${String(index).padStart(4, "0")}`,
    status: hasFailed ? "Failed" : "Succeeded",
    progress: 100,
    code: hasFailed ? "ResourceNotFound" : undefined,
    message: hasFailed ? "The specified resource object is not found." : undefined,
    startTime: new Date(startedAt + index * 1_000).toISOString(),
    endTime: new Date(startedAt + index * 1_000 + 60_000).toISOString(),
    userData: `{"album":${index}}`,
    tags: { team: "media" },
    taskRequestDefinition: undefined,
    requestId: `request-${index}`,
    eventId: `event-${index}`,
  };
});

const byKey = new Map(tasks.map((task) => [`${task.taskType}/${task.taskId}`, task]));

export const keys: readonly Key[] = tasks.map(({ taskType, taskId }) => ({ projectName: PROJECT, taskType, taskId }));

/** One task, as GetTask. */
export async function getTask({ taskType, taskId }: Key): Promise<UpstreamTask> {
  const task = byKey.get(`${taskType}/${taskId}`);
  if (task === undefined) throw new Error(`Expected a task that there is, got ${taskId}.`);
  return task;
}

const page = { requestId: "request", tasks, nextToken: undefined };

/** All tasks on one page, as ListTasks. */
export async function listTasks(): Promise<typeof page> {
  return page;
}
