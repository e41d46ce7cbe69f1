import { useMutation } from "@apollo/client/react";
import { graphql } from "./gql";
import { listTask } from "./list-task.ts";

const START = graphql(`
  mutation Start($input: CreateFileCompressionTaskInput!) {
    createFileCompressionTask(input: $input) {
      task {
        id
        ...TaskRow_task
      }
      userErrors {
        message
      }
    }
  }
`);

/** Starts the compression of a folder. */
export function StartTask({ projectName }: { projectName: string }) {
  const [start, { data, loading, error }] = useMutation(START, {
    // A task that was started is listed, even when reading its progress failed.
    errorPolicy: "all",
    update: (cache, { data }) => {
      const task = data?.createFileCompressionTask?.task;
      if (task) listTask(cache, task);
    },
  });

  // What the input is to blame for comes as data, the rest as an error.
  const refusal = data?.createFileCompressionTask?.userErrors[0] ?? error;

  async function submit(form: FormData) {
    const { source, target } = Object.fromEntries(form) as Record<"source" | "target", string>;
    await start({ variables: { input: { projectName, sources: [{ uri: source }], targetUri: target } } });
  }

  return (
    <form action={submit}>
      <label>
        Folder to compress
        <input name="source" required defaultValue="oss://examplebucket/reports/" />
      </label>
      <label>
        Archive to write
        <input name="target" required defaultValue="oss://examplebucket/archives/reports.zip" />
      </label>
      <button disabled={loading}>Start</button>
      {refusal && <p role="alert">{refusal.message}</p>}
    </form>
  );
}
