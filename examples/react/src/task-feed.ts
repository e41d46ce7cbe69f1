/**
 * Follows a project by one subscription, whatever is shown of it: each event goes into Apollo's cache, by which the list and the
 * page of a task are shown anew.
 *
 * A project may have a thousand tasks that all change at once. So events wait for a moment, the newest of each task only,
 * and are written a few at a time: the page stays free for its user.
 */

import type { ApolloClient, Reference } from "@apollo/client";
import { codeOf, unite } from "./client.ts";
import type { Connection } from "./connection.ts";
import { graphql } from "./gql";
import type { FollowSubscription, TaskRowFragment } from "./gql/graphql";
import { TASK_ROW } from "./task-row.fragment.ts";

const FOLLOW = graphql(`
  subscription Follow($projectName: String!) {
    projectEvents(projectName: $projectName) {
      kind
      key {
        taskId
      }
      task {
        ...TaskRow
      }
      error {
        code
        message
      }
    }
  }
`);

/** How long events wait for others. */
const FLUSH_EVERY_MS = 100;
/** How long it may take to write some of them. */
const FLUSH_MS = 10;
/** How long the views may wait while there is more to write. */
const SHOW_EVERY_MS = 1_000;
const RETRY_MS = 10_000;
/** To ask again would be refused again, and IMM bills what it refuses. */
const FINAL_CODES: readonly (string | undefined)[] = ["NOT_FOUND", "FORBIDDEN", "BAD_USER_INPUT", "UNAUTHENTICATED"];

/** Why the tasks are not followed at the moment. */
export interface Delay {
  readonly code: string | undefined;
  readonly message: string;
}

export interface FeedParts {
  readonly client: ApolloClient;
  readonly connection: Connection;
  readonly projectName: string;
  readonly onDelay: (delay: Delay | null) => void;
  /** The connection was gone, and is there again: what ended meanwhile, only a list knows. */
  readonly onBack: () => void;
}

export interface Feed {
  /** Puts all that was told of on the lists, after they were read. */
  readonly relist: () => void;
  readonly stop: () => void;
}

/** Follows until it is stopped. */
export function followProject({ client, connection, projectName, onDelay, onBack }: FeedParts): Feed {
  const waiting = new Map<string, TaskRowFragment>();
  /** All that this connection told of, and that the lists must have. */
  const seen = new Map<string, Reference>();
  let flushing: ReturnType<typeof setTimeout> | undefined;
  let retrying: ReturnType<typeof setTimeout> | undefined;
  let shownAt = performance.now();
  let wasAway = false;
  let isOver = false;
  let following = start();

  const stopListening = connection.onReopened(() => {
    // The subscription begins anew by itself, with all that runs.
    seen.clear();
    wasAway = true;
  });

  function start() {
    const events = client.subscribe({ query: FOLLOW, variables: { projectName }, fetchPolicy: "no-cache" });
    return events.subscribe({
      next: ({ data, error }) => {
        if (data) take(data.projectEvents);
        else if (error) startAgain({ code: codeOf(error), message: error.message });
      },
      error: (error: unknown) => startAgain({ code: codeOf(error), message: messageOf(error) }),
      complete: () => startAgain({ code: undefined, message: "The gateway has ended the subscription." }),
    });
  }

  /** The first word is the reason; that the stream has ended comes after it. */
  function startAgain(delay: Delay) {
    if (retrying !== undefined || isOver) return;
    onDelay(delay);
    isOver = FINAL_CODES.includes(delay.code);
    if (isOver) return;
    retrying = setTimeout(() => {
      retrying = undefined;
      following.unsubscribe();
      wasAway = true;
      seen.clear();
      following = start();
    }, RETRY_MS);
  }

  function take({ kind, key, task, error }: FollowSubscription["projectEvents"]) {
    switch (kind) {
      case "SNAPSHOT":
      case "CHANGE":
      case "FINAL":
        if (task) waiting.set(task.id, task);
        flushing ??= setTimeout(flush, FLUSH_EVERY_MS);
        return;
      case "CAUGHT_UP":
        onDelay(null);
        if (wasAway) onBack();
        wasAway = false;
        return;
      case "DELAYED":
        onDelay(error);
        return;
      case "FAILED":
        // With a key it is about that task alone; the others go on.
        if (error && !key) startAgain(error);
    }
  }

  /** Writes some; the views are asked to read again when all are written, or some have waited for long. */
  function flush() {
    flushing = undefined;
    const { cache } = client;
    const until = performance.now() + FLUSH_MS;
    const written: Reference[] = [];
    for (const [id, task] of waiting) {
      waiting.delete(id);
      const fragment = { fragment: TASK_ROW, fragmentName: "TaskRow" };
      const reference = cache.writeFragment({ ...fragment, data: task, broadcast: false });
      if (reference && !seen.has(id)) {
        seen.set(id, reference);
        written.push(reference);
      }
      if (performance.now() > until) break;
    }
    listTasks(client, projectName, written, false);
    const isLate = performance.now() - shownAt > SHOW_EVERY_MS;
    flushing = setTimeout(waiting.size > 0 && !isLate ? flush : show);
  }

  function show() {
    // A batch of nothing tells the views of what was written before.
    client.cache.batch({ update: () => undefined });
    shownAt = performance.now();
    flushing = waiting.size > 0 ? setTimeout(flush) : undefined;
  }

  return {
    relist: () => listTasks(client, projectName, [...seen.values()]),
    stop: () => {
      stopListening();
      clearTimeout(flushing);
      clearTimeout(retrying);
      following.unsubscribe();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "The connection was closed.";
}

/** Puts tasks on every list of their project, unless they are there already; what a list shows of them, its filter says. */
export function listTasks(
  { cache }: ApolloClient,
  projectName: string,
  references: readonly Reference[],
  broadcast = true,
): void {
  if (references.length === 0) return;
  cache.modify({
    broadcast,
    fields: {
      tasks(listed, { storeFieldName }) {
        const isOfProject = storeFieldName.includes(`"projectName":${JSON.stringify(projectName)}`);
        return isOfProject && listed ? { ...listed, nodes: unite(listed.nodes, references) } : listed;
      },
    },
  });
}
