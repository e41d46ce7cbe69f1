import { useApolloClient } from "@apollo/client/react";
import type { TypedDocumentNode } from "@apollo/client";
import { parse } from "graphql";
import { use, useEffect, useId, useState, type FormEvent } from "react";
import { go, Link, type Address } from "./address.tsx";
import { draftOf, dropDraft, keepDraft } from "./drafts.ts";
import type { RunAgainMutation } from "./gql/graphql";
import { Problem } from "./problem.tsx";
import type { ProjectFacts } from "./project-facts.ts";
import { Refusal } from "./refusal.tsx";
import { listTasks } from "./task-feed.ts";
import { TASK_ROW } from "./task-row.fragment.ts";

type Payload = RunAgainMutation["rerunTask"];

/** The mutation of any type: each has an input of its own name, and all answer alike. */
function mutationOf(mutation: string): TypedDocumentNode<{ payload: Payload }, { input: object }> {
  const input = `${mutation[0]?.toUpperCase()}${mutation.slice(1)}Input`;
  const { definitions, ...document } = parse(`
    mutation Start($input: ${input}!) {
      payload: ${mutation}(input: $input) {
        task {
          ...TaskRow
        }
        userErrors {
          code
          message
          path
        }
      }
    }
  `);
  return { ...document, definitions: [...definitions, ...TASK_ROW.definitions] };
}

/** What each mutation takes, made of the schema by `inputs-plugin.js`. Loaded with the first form. */
const loadInputs = () => import("./gql/inputs.json").then(({ default: inputs }) => inputs as Inputs);
type Inputs = Readonly<
  Record<string, { readonly description: string; readonly example: object; readonly members: readonly Member[] }>
>;

interface Member {
  /** From the input on, for example `sources[].uri`. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
}
let inputs: Promise<Inputs> | undefined;

/** The choice of a type, and the form for it. */
export function StartTask({ address, ...facts }: ProjectFacts & { address: Address }) {
  const { projectName, taskTypes } = facts;
  const type =
    taskTypes.find(({ name }) => name === address.start) ?? taskTypes.find(({ name }) => name === "FileCompression");
  const known = use((inputs ??= loadInputs()));
  useEffect(() => void (document.title = "Start a task · Tasks"), []);
  if (!type) return null;
  const input = known[type.mutation];

  return (
    <>
      <p>
        <Link to={{ ...address, start: undefined }}>← All tasks of {projectName}</Link>
      </p>
      <h1>Start a task</h1>
      <label>
        Type
        <select value={type.name} onChange={({ target }) => go({ ...address, start: target.value }, "replace")}>
          {taskTypes.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <p className="muted">
        {input?.description} {type.stage === "INVITATIONAL_PREVIEW" && "Only for accounts that IMM has invited."}
      </p>
      <StartForm
        key={type.name}
        taskType={type.name}
        mutation={type.mutation}
        projectName={projectName}
        example={input?.example ?? {}}
        address={address}
      />
      {input && <Members members={input.members} />}
    </>
  );
}

interface StartFormProps {
  readonly taskType: string;
  readonly mutation: string;
  readonly projectName: string;
  readonly example: object;
  readonly address: Address;
}

function StartForm({ taskType, mutation, projectName, example, address }: StartFormProps) {
  const client = useApolloClient();
  const [draft, setDraft] = useState(() => draftOf(taskType) ?? keepDraft(taskType, JSON.stringify(example, null, 2)));
  const [isSending, setIsSending] = useState(false);
  const [problem, setProblem] = useState<React.ReactNode>();
  const help = useId();

  async function submit(event: FormEvent) {
    event.preventDefault();
    const input = parseInput(draft.text);
    if (input instanceof Error)
      return setProblem(
        <p role="alert" className="problem">
          {input.message}
        </p>,
      );
    const start = mutationOf(mutation);
    setIsSending(true);
    setProblem(undefined);
    try {
      const { data, error } = await client.mutate({
        mutation: start,
        variables: { input: { idempotencyKey: draft.idempotencyKey, ...input, projectName } },
        errorPolicy: "all",
      });
      const { task, userErrors = [] } = data?.payload ?? {};
      if (task) {
        dropDraft(taskType);
        listTasks(client, projectName, [{ __ref: client.cache.identify(task)! }]);
        go({ ...address, start: undefined, task: task.id });
      } else if (userErrors[0]) setProblem(<Refusal of={userErrors[0]} />);
      else if (error) setProblem(<Problem error={error} />);
    } catch (thrown) {
      setProblem(<Problem error={thrown as Error} />);
    } finally {
      setIsSending(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="stack">
      <label>
        Input, as JSON
        <textarea
          rows={14}
          value={draft.text}
          spellCheck={false}
          aria-describedby={help}
          onChange={({ target }) => setDraft(keepDraft(taskType, target.value))}
        />
      </label>
      <p id={help} className="muted">
        Put your own buckets and paths in the place of these. What you type stays here until the task has started. IMM
        bills the task to the project {projectName}.
      </p>
      <div role="status">{isSending && "Starting…"}</div>
      {problem}
      <button disabled={isSending}>Start</button>
    </form>
  );
}

function parseInput(text: string): object | Error {
  try {
    const input: unknown = JSON.parse(text);
    if (typeof input === "object" && input !== null && !Array.isArray(input)) return input;
    return new Error("Expected an object of JSON, in braces.");
  } catch (thrown) {
    return new Error(`This is not JSON: ${(thrown as Error).message}`);
  }
}

/** What an input may have, from the schema. */
function Members({ members }: { members: readonly Member[] }) {
  return (
    <details>
      <summary>What the input takes</summary>
      <dl className="members">
        {members.map(({ path, type, description }) => (
          <div key={path}>
            <dt>
              <code>{path}</code> <span className="muted">{type}</span>
            </dt>
            <dd>{description}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
