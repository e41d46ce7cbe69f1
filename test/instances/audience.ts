/**
 * Subscribers of tasks at several instances, and what each was told when. One whose socket breaks subscribes again at an
 * instance that serves, as clients of graphql-ws do behind a load balancer.
 */

import { createClient, type Client } from "graphql-ws";
import { WebSocket } from "ws";
import type { Fleet } from "./fleet.js";
import { pass } from "./until.js";

const DOCUMENT = `subscription ($taskId: String!, $maxStalenessMs: Int) {
  taskProgress(key: { projectName: "immtest", taskType: "FileCompression", taskId: $taskId }, maxStalenessMs: $maxStalenessMs) {
    status progress isDone
  }
}`;

interface Data {
  readonly taskProgress: { readonly status: string; readonly progress: number | null; readonly isDone: boolean } | null;
}

/** What one subscriber was told of its task. Instants are milliseconds since the epoch. */
export interface Subscriber {
  readonly taskId: string;
  readonly instance: number;
  readonly told: { readonly at: number; readonly progress: number | null }[];
  readonly finals: { readonly at: number; readonly status: string }[];
  readonly failures: string[];
  hasEnded: boolean;
}

export class Audience {
  readonly subscribers: Subscriber[] = [];
  readonly #fleet: Fleet;
  readonly #clients: Client[] = [];

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Follows each of these tasks at an instance, on one socket; comes back when each has had its first snapshot. */
  async follow(taskIds: readonly string[], instance: number, maxStalenessMs = 2_000): Promise<void> {
    const client = createClient({
      url: () => `${this.#fleet.urlFor(instance).replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: Infinity,
      shouldRetry: () => true,
      retryWait: async () => pass(100),
    });
    this.#clients.push(client);
    await Promise.all(taskIds.map(async (taskId) => this.#follow(client, { taskId, maxStalenessMs }, instance)));
  }

  get haveAllEnded(): boolean {
    return this.subscribers.every(({ hasEnded }) => hasEnded);
  }

  /** How many have had their final. */
  get finals(): number {
    return this.subscribers.reduce((sum, { finals }) => sum + finals.length, 0);
  }

  async leave(): Promise<void> {
    for (const client of this.#clients) await client.dispose();
  }

  async #follow(
    client: Client,
    variables: { readonly taskId: string; readonly maxStalenessMs: number },
    instance: number,
  ): Promise<void> {
    const { taskId } = variables;
    const subscriber: Subscriber = { taskId, instance, told: [], finals: [], failures: [], hasEnded: false };
    this.subscribers.push(subscriber);
    return new Promise((resolve) => {
      const end = (failure?: string): void => {
        if (failure !== undefined) subscriber.failures.push(failure);
        subscriber.hasEnded = true;
        resolve();
      };
      client.subscribe<Data>(
        { query: DOCUMENT, variables },
        {
          next: ({ data, errors }) => {
            const task = data?.taskProgress;
            if (task === undefined || task === null) subscriber.failures.push(JSON.stringify(errors));
            else {
              const at = Date.now();
              if (task.isDone) subscriber.finals.push({ at, status: task.status });
              else subscriber.told.push({ at, progress: task.progress });
            }
            resolve();
          },
          error: (error) => end(JSON.stringify(error) + String(error)),
          complete: () => end(),
        },
      );
    });
  }
}
