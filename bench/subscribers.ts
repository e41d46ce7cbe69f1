/** Subscribers of tasks over WebSocket, as many on a socket as a benchmark wants, and what they have received. */

import { createClient, type Client } from "graphql-ws";
import { WebSocket } from "ws";

export const DOCUMENT = `subscription ($taskId: String!, $maxStalenessMs: Int) {
  taskProgress(key: { projectName: "immtest", taskType: "FileCompression", taskId: $taskId }, maxStalenessMs: $maxStalenessMs) {
    id status progress
  }
}`;

interface Progress {
  readonly taskProgress: { readonly status: string; readonly progress: number | null };
}

export class Subscribers {
  readonly #url: string;
  readonly #authorization: string | undefined;
  readonly #clients: Client[] = [];
  events = 0;
  /** Of all messages that came. */
  bytes = 0;
  finals = 0;
  onEvent: (subscriber: number, progress: number, status: string) => void = () => undefined;

  /**
   * @param url - of the server: a gateway, or what is measured beside it.
   * @param authorization - what they show. @default nothing
   */
  constructor(url: string, authorization?: string) {
    this.#url = `${url.replace("http", "ws")}/graphql`;
    this.#authorization = authorization;
  }

  /**
   * Opens a subscription for each of these tasks, and comes back when each has had its first snapshot. The sockets are
   * opened a hundred at a time: more at once than the system lets wait are refused.
   */
  async subscribe(taskIds: readonly string[], maxStalenessMs: number | undefined, onSocket = 100): Promise<void> {
    for (let begin = 0; begin < taskIds.length; begin += 100 * onSocket) {
      const portion = taskIds.slice(begin, begin + 100 * onSocket);
      await Promise.all(
        portion.map(async (taskId, index) => {
          const subscriber = begin + index;
          const client = this.#clients[Math.floor(subscriber / onSocket)] ?? this.connect();
          return this.#follow(client, subscriber, { taskId, maxStalenessMs });
        }),
      );
    }
  }

  /** Settles with the first snapshot. */
  async #follow(client: Client, subscriber: number, variables: Record<string, unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      client.subscribe<Progress>(
        { query: DOCUMENT, variables },
        {
          next: ({ data }) => {
            this.events += 1;
            if (data?.taskProgress.status === "SUCCEEDED") this.finals += 1;
            this.onEvent(subscriber, data?.taskProgress.progress ?? -1, data?.taskProgress.status ?? "");
            resolve();
          },
          error: (error) => {
            // One that is lost later would make the numbers better than they are.
            process.exitCode = 1;
            reject(new Error("A subscription failed.", { cause: error }));
          },
          complete: () => undefined,
        },
      );
    });
  }

  /** One more socket. */
  connect(): Client {
    const onMessage = (data: Buffer): void => void (this.bytes += data.length);
    class CountedWebSocket extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        this.on("message", onMessage);
      }
    }
    const connectionParams = { authorization: this.#authorization };
    const client = createClient({ url: this.#url, webSocketImpl: CountedWebSocket, connectionParams });
    this.#clients.push(client);
    return client;
  }

  async dispose(): Promise<void> {
    for (const client of this.#clients) await client.dispose();
  }
}
