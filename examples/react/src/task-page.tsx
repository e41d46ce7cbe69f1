import { CombinedGraphQLErrors } from "@apollo/client";
import { useQuery } from "@apollo/client/react";
import { useEffect, useRef, type ReactNode } from "react";
import { Link, type Address } from "./address.tsx";
import { codeOf } from "./client.ts";
import { formatDuration, useNow } from "./format.ts";
import { graphql } from "./gql";
import type { TaskPageQuery } from "./gql/graphql";
import { meaningOfFailure } from "./meanings.ts";
import { Problem } from "./problem.tsx";
import type { ProjectFacts } from "./project-facts.ts";
import { RunAgain } from "./run-again.tsx";
import { Instant, Progress, StatusWord } from "./task-row.tsx";

const TASK_PAGE = graphql(`
  query TaskPage($id: ID!) {
    node(id: $id) {
      ... on Task {
        ...TaskRow
        region
        expiresAt
        eventId
        requestId
        userData
        tags
        requestDefinition
        requestDefinitionText
        outputs
        result {
          ... on ImageModerationResult {
            uri
            suggestion
            categories
            frames {
              totalCount
              blocked {
                label
                confidencePercent
                offset
              }
            }
          }
          ... on VideoModerationResult {
            uri
            suggestion
            categories
            frames {
              totalCount
              blocked {
                label
                confidencePercent
                offset
              }
            }
          }
          ... on VideoLabelClassificationResult {
            labels {
              name
              alias
              parentName
              confidence
              clips {
                startMs
                endMs
              }
            }
          }
          ... on DecodeBlindWatermarkResult {
            content
          }
        }
      }
    }
  }
`);

type ShownTask = Extract<NonNullable<TaskPageQuery["node"]>, { __typename?: "Task" }>;

interface TaskPageProps extends ProjectFacts {
  readonly id: string;
  readonly address: Address;
  /** Another number says that the connection was gone meanwhile. */
  readonly generation: number;
}

/** The whole life of a task. While it runs, the board's subscription moves it on. */
export function TaskPage({ id, address, generation, ...facts }: TaskPageProps) {
  const { data, error, refetch } = useQuery(TASK_PAGE, { variables: { id }, errorPolicy: "all" });
  const task = data?.node?.__typename === "Task" ? data.node : undefined;
  useRefetch(`${task?.isDone} ${generation}`, refetch);
  useEffect(() => {
    document.title = task ? `${task.taskType} ${task.taskId} · Tasks` : "Tasks";
  }, [task]);

  return (
    <>
      <p>
        <Link to={{ ...address, task: undefined }}>← All tasks of {facts.projectName}</Link>
      </p>
      {!task && !error && <p role="status">Reading the task…</p>}
      {!task && error && <Problem error={error} />}
      {task && <Task task={task} error={error} address={address} {...facts} />}
    </>
  );
}

/** Reads the task again when it ends, since what it leaves is there then, and after the connection was gone. */
function useRefetch(occasion: string, refetch: () => Promise<unknown>) {
  const before = useRef(occasion);
  useEffect(() => {
    const wasRead = !before.current.startsWith("undefined");
    if (wasRead && before.current !== occasion) void refetch().catch(() => undefined);
    before.current = occasion;
  }, [occasion, refetch]);
}

interface TaskProps extends ProjectFacts {
  readonly task: ShownTask;
  /** Why some of its fields are missing. */
  readonly error: Error | undefined;
  readonly address: Address;
}

function Task({ task, error, address, taskTypes, mayStart }: TaskProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [task.id]);
  const type = taskTypes.find(({ name }) => name === task.taskType);
  const definition = task.requestDefinition ?? task.requestDefinitionText;
  const { status, result } = task;

  return (
    <article className="task" data-status={status}>
      <div className="title">
        <h1 ref={heading} tabIndex={-1}>
          {task.taskType} <span className="id">{task.taskId}</span>
        </h1>
        <StatusWord task={task} />
      </div>
      <Progress task={task} />
      {status === "FAILED" && <Failure error={task.error} />}
      {mayStart && type?.hasRequestDefinition && <RunAgain task={task} address={address} />}

      <Section title="Life">
        <Life task={task} />
      </Section>
      {status === "SUCCEEDED" && result && (
        <Section title="Result">
          <Json value={result} />
        </Section>
      )}
      <Section title={titleOfOutputs(task)} isShown={(task.outputs?.length ?? 0) > 0}>
        <ul>
          {task.outputs?.map((uri) => (
            <li key={uri}>
              <code>{uri}</code>
            </li>
          ))}
        </ul>
      </Section>
      <Section title="What it was created with">
        {definition ? <Json value={definition} /> : <p>{whyNoDefinition(error, type?.hasRequestDefinition)}</p>}
      </Section>
      <Section title="Tags" isShown={Object.keys(task.tags ?? {}).length > 0}>
        <Facts of={Object.entries(task.tags ?? {}).map(([name, value]) => [name, String(value)])} />
      </Section>
      <Section title="User data" isShown={Boolean(task.userData)}>
        <Json value={task.userData} />
      </Section>
      <Section title="Names">
        <Facts
          of={[
            ["Task id", task.taskId],
            ["Project", `${task.projectName}, ${task.region}`],
            ["Event id", task.eventId],
            ["Request id, for Alibaba Cloud's support", task.requestId],
          ]}
        />
      </Section>
    </article>
  );
}

function titleOfOutputs({ isDone, status }: ShownTask): string {
  if (!isDone) return "Outputs to come";
  return status === "SUCCEEDED" ? "Outputs" : "Outputs that it was to write";
}

function whyNoDefinition(error: Error | undefined, hasDefinition: boolean | undefined): string {
  const isForbidden =
    CombinedGraphQLErrors.is(error) &&
    codeOf(error) === "FORBIDDEN" &&
    error.errors.some(({ path }) => String(path?.at(-1)).startsWith("requestDefinition"));
  if (isForbidden) return "Your token does not let you see it: that needs the right `definitions`.";
  return hasDefinition === false ? "IMM does not give it for tasks of this type." : "IMM gives nothing of it.";
}

function Failure({ error }: { error: ShownTask["error"] }) {
  const meaning = meaningOfFailure(error?.code ?? null);
  return (
    <div className="problem">
      <p>
        <strong>{error?.message ?? "The task failed, and IMM does not say why."}</strong>{" "}
        {error?.code && <code>{error.code}</code>}
      </p>
      {meaning && <p>{meaning}</p>}
    </div>
  );
}

function Life({ task }: { task: ShownTask }) {
  const { startTime, endTime, isDone, estimatedEndAt, expiresAt, observedAt } = task;
  const now = useNow();
  const end = endTime ? Date.parse(endTime) : now;
  return (
    <Facts
      of={[
        ["Started", startTime && <Instant at={startTime} />],
        ["Ended", endTime && <Instant at={endTime} />],
        [
          isDone ? "Took" : "Running for",
          startTime && (endTime || !isDone) && formatDuration(end - Date.parse(startTime)),
        ],
        ["Expected to end", !isDone && estimatedEndAt && <Instant at={estimatedEndAt} />],
        ["IMM forgets it", expiresAt && <Instant at={expiresAt} />],
        ["Read from IMM", <Instant key="observed" at={observedAt} />],
      ]}
    />
  );
}

/** Names and what they are; what there is nothing of is left out. */
function Facts({ of }: { of: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl>
      {of.map(([name, value]) =>
        value ? (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

function Section({ title, isShown = true, children }: { title: string; isShown?: boolean; children: ReactNode }) {
  return isShown ? (
    <section>
      <h2>{title}</h2>
      {children}
    </section>
  ) : null;
}

/** A value as indented JSON; a text that is JSON too, any other as it is. It can be scrolled by the keyboard. */
function Json({ value }: { value: unknown }) {
  return <pre tabIndex={0}>{textOf(value)}</pre>;
}

function textOf(value: unknown): string {
  if (typeof value !== "string")
    return JSON.stringify(value, (name, of) => (name === "__typename" ? undefined : of), 2);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
