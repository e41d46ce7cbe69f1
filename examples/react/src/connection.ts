/** The one socket to the gateway: it says when the connection is lost, and comes back by itself, however long it takes. */

import { createClient, type Client } from "graphql-ws";

/** How long an answer to a ping may take. */
const PONG_MS = 5_000;
const PING_EVERY_MS = 12_000;
const LONGEST_WAIT_SECONDS = 10;
/** How the gateway closes a socket whose token it does not believe; the client takes it for final. */
const UNAUTHENTICATED = 4401;

/** How the connection is. Before the first subscription there is none, and none is lost. */
export type ConnectionState = "idle" | "open" | "lost";

export class Connection {
  readonly socket: Client;
  #state: ConnectionState = "idle";
  readonly #listeners = new Set<() => void>();
  readonly #reopened = new Set<() => void>();
  #wake: () => void = () => undefined;

  /**
   * @param getToken - asked for each connection; null where there is none.
   * @param onRefused - the gateway does not believe the token, or wants one.
   */
  constructor(getToken: () => Promise<string | null>, onRefused: () => void) {
    let unanswered: ReturnType<typeof setTimeout> | undefined;
    this.socket = createClient({
      url: new URL("/graphql", location.href.replace(/^http/, "ws")).href,
      connectionParams: async () => {
        const token = await getToken();
        return token === null ? {} : { authorization: `Bearer ${token}` };
      },
      // Left to itself the client gives up at the first connection that is refused, and waits longer without end.
      shouldRetry: () => true,
      retryAttempts: Infinity,
      retryWait: (retries) => {
        const seconds = Math.min(2 ** retries, LONGEST_WAIT_SECONDS) * (0.5 + Math.random());
        return this.#wait(seconds * 1_000);
      },
      // A network that went away closes nothing: without an answer the connection is taken for lost.
      keepAlive: PING_EVERY_MS,
      on: {
        ping: (received) => {
          if (!received) unanswered = setTimeout(() => this.socket.terminate(), PONG_MS);
        },
        pong: (received) => {
          if (received) clearTimeout(unanswered);
        },
        connected: (_socket, _payload, wasRetry) => {
          this.#become("open");
          if (wasRetry) for (const listener of this.#reopened) listener();
        },
        closed: (event) => {
          clearTimeout(unanswered);
          const { code } = event as CloseEvent;
          // With 1000 the page itself has closed it.
          this.#become(code === 1000 ? "idle" : "lost");
          if (code === UNAUTHENTICATED) onRefused();
        },
      },
    });
    // The machine was asleep, or without a network.
    addEventListener("online", this.tryNow);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Calls back at each change of `state`. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Calls back when the connection is there again: subscriptions begin anew, and what ended meanwhile only a list knows. */
  onReopened(listener: () => void): () => void {
    this.#reopened.add(listener);
    return () => this.#reopened.delete(listener);
  }

  /** Does not wait any longer before the next attempt. */
  readonly tryNow = (): void => this.#wake();

  /** For good. */
  async close(): Promise<void> {
    removeEventListener("online", this.tryNow);
    try {
      await this.socket.dispose();
    } catch {
      // An attempt to connect was refused meanwhile.
    }
  }

  async #wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, ms);
    });
  }

  #become(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
