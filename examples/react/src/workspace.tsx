import { useQuery } from "@apollo/client/react";
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { go, Link, useAddress, type Address } from "./address.tsx";
import { isUnanswered } from "./client.ts";
import type { Connection } from "./connection.ts";
import { graphql } from "./gql";
import { Problem } from "./problem.tsx";
import { ProjectChoice } from "./project-choice.tsx";
import type { Session } from "./session.ts";
import { StartTask } from "./start-task.tsx";
import { TaskBoard } from "./task-board.tsx";
import { followProject, type Delay, type Feed } from "./task-feed.ts";
import { TaskPage } from "./task-page.tsx";

const VIEWER = graphql(`
  query Viewer {
    viewer {
      caller
      projects
    }
  }
`);

const PROJECT = graphql(`
  query Project($projectName: String!) {
    viewer {
      rights(projectName: $projectName)
    }
    taskTypes {
      name
      mutation
      hasRequestDefinition
      stage
    }
  }
`);

const RETRY_MS = 3_000;

/** All that is behind the sign-in: what its viewer may see, and where to look. */
export function Workspace({ session, onSignOut }: { session: Session; onSignOut: () => void }) {
  const address = useAddress();
  const { data, error, refetch } = useQuery(VIEWER);
  useRetry(error, refetch);
  const viewer = data?.viewer;
  const name = session.login.name ?? viewer?.caller;

  return (
    <>
      <header className="bar">
        <Link to={{ project: address.project }} className="home">
          Tasks
        </Link>
        {viewer && <ProjectChoice known={viewer.projects} chosen={address.project} />}
        {session.login.hasToken && (
          <span className="who">
            {name} <button onClick={onSignOut}>Sign out</button>
          </span>
        )}
      </header>
      <main>
        {error && <Problem error={error} />}
        {!viewer && !error && <p role="status">Asking the gateway…</p>}
        {viewer && address.project && <Project key={address.project} session={session} address={address} />}
        {viewer && !address.project && <Welcome projects={viewer.projects} />}
      </main>
    </>
  );
}

/** Asks again while the gateway does not answer. */
function useRetry(problem: Error | undefined, refetch: () => Promise<unknown>) {
  useEffect(() => {
    if (!isUnanswered(problem)) return undefined;
    async function askAgain() {
      // What fails again is the problem again.
      await refetch().catch(() => undefined);
    }
    const timer = setInterval(() => void askAgain(), RETRY_MS);
    return () => clearInterval(timer);
  }, [problem, refetch]);
}

function Welcome({ projects }: { projects: readonly string[] }) {
  useEffect(() => void (document.title = "Tasks"), []);
  // One that can only mean this project looks at it at once.
  const [only] = projects.length === 1 && !projects[0]?.endsWith("*") ? projects : [];
  useEffect(() => {
    if (only) go({ project: only }, "replace");
  }, [only]);
  return projects.length === 0 ? (
    <p>Your token lets you see no project. The access file of the gateway says what it lets you do.</p>
  ) : (
    <p>Choose a project of IMM above to see its tasks.</p>
  );
}

/** One project, followed as long as it is shown. */
function Project({ session, address }: { session: Session; address: Address }) {
  const { client, connection } = session;
  const projectName = address.project ?? "";
  const { data, error, refetch } = useQuery(PROJECT, { variables: { projectName } });
  useRetry(error, refetch);
  const [delay, setDelay] = useState<Delay | null>(null);
  const rights = data?.viewer?.rights ?? [];
  const maySee = rights.includes("READ");
  const feed = useRef<Feed>(undefined);
  const [generation, setGeneration] = useState(0);
  useEffect(() => {
    if (!maySee) return undefined;
    const onBack = () => setGeneration((before) => before + 1);
    feed.current = followProject({ client, connection, projectName, onDelay: setDelay, onBack });
    return feed.current.stop;
  }, [client, connection, projectName, maySee]);
  const onRead = useCallback(() => feed.current?.relist(), []);

  if (error) return <Problem error={error} />;
  if (!data) return <p role="status">Asking the gateway…</p>;
  const facts = { projectName, taskTypes: data.taskTypes, mayStart: rights.includes("CREATE") };
  return (
    <>
      <ConnectionNotice connection={connection} delay={delay} />
      {!maySee && !facts.mayStart && <p>You may not see the tasks of {projectName}.</p>}
      {address.start && facts.mayStart && <StartTask {...facts} address={address} />}
      {!address.start && maySee && address.task && (
        <TaskPage {...facts} address={address} id={address.task} generation={generation} />
      )}
      {!address.start && maySee && !address.task && (
        <TaskBoard {...facts} address={address} feed={{ generation, onRead }} />
      )}
    </>
  );
}

/** Says plainly when what is shown may be old. The place is always there, or screen readers would not read it out. */
function ConnectionNotice({ connection, delay }: { connection: Connection; delay: Delay | null }) {
  const state = useSyncExternalStore(connection.subscribe, () => connection.state);
  return (
    <div role="status" className="connection" data-state={state}>
      {state === "lost" && (
        <p className="problem">
          <strong>The connection to the gateway is lost.</strong> What you see may be old. The board tries to come back
          by itself; if the gateway was stopped, start it again. <button onClick={connection.tryNow}>Try now</button>
        </p>
      )}
      {state === "open" && delay && (
        <p className="problem">
          <strong>What you see may be old.</strong> {delay.message} {delay.code && <code>{delay.code}</code>} The board
          goes on by itself.
        </p>
      )}
    </div>
  );
}
