import { useApolloClient, useMutation } from "@apollo/client/react";
import { useState } from "react";
import { go, type Address } from "./address.tsx";
import { newKey } from "./drafts.ts";
import { graphql } from "./gql";
import type { TaskRowFragment } from "./gql/graphql";
import { Problem } from "./problem.tsx";
import { listTasks } from "./task-feed.ts";
import { Refusal } from "./refusal.tsx";

const RUN_AGAIN = graphql(`
  mutation RunAgain($input: RerunTaskInput!) {
    rerunTask(input: $input) {
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

/** Starts a task once more, from what it was created with, and shows the new one. */
export function RunAgain({ task, address }: { task: TaskRowFragment; address: Address }) {
  const client = useApolloClient();
  // Pressed again after an answer that was lost, it is the same start.
  const [idempotencyKey, setKey] = useState(newKey);
  const [run, { data, loading, error }] = useMutation(RUN_AGAIN, { errorPolicy: "all" });
  const refused = data?.rerunTask?.userErrors[0];

  async function start() {
    const answer = await run({ variables: { input: { id: task.id, idempotencyKey } } }).catch(() => undefined);
    const started = answer?.data?.rerunTask?.task;
    if (!started) return;
    setKey(newKey());
    listTasks(client, started.projectName, [{ __ref: client.cache.identify(started)! }]);
    go({ ...address, task: started.id });
  }

  return (
    <div className="again">
      <button onClick={() => void start()} disabled={loading}>
        {loading ? "Starting…" : "Run again"}
      </button>
      <span className="muted">starts a new task with the same definition; IMM bills it.</span>
      {refused && <Refusal of={refused} />}
      {!refused && error && !data?.rerunTask?.task && <Problem error={error} />}
    </div>
  );
}
