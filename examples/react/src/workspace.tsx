import { useQuery } from "@apollo/client/react";
import { graphql } from "./gql";
import { StartTask } from "./start-task.tsx";
import { TaskBoard } from "./task-board.tsx";

const VIEWER = graphql(`
  query Viewer {
    viewer {
      projects
    }
  }
`);

/** What the gateway lets its viewer see: here each has one project. */
export function Workspace() {
  const { data, error } = useQuery(VIEWER);
  const [projectName] = data?.viewer?.projects ?? [];
  if (error) return <p role="alert">{error.message}</p>;
  if (projectName === undefined) return null;

  return (
    <main>
      <h1>Tasks of {projectName}</h1>
      <StartTask projectName={projectName} />
      <TaskBoard projectName={projectName} />
    </main>
  );
}
