/** A graphql-ws client whose events are awaited one by one. */

import { createClient, type Client } from "graphql-ws";
import { WebSocket } from "ws";
import type { QueryError } from "./query.js";
import { disposeAfterTest } from "./start-gateway.js";

export interface SubscriptionEvent<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly QueryError[];
}

/** What a subscriber has received, read in order. */
export class Subscription<Data> {
  readonly #events: SubscriptionEvent<Data>[] = [];
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  readonly #unsubscribe: () => void;

  constructor(client: Client, document: string, variables?: Record<string, unknown>) {
    this.#unsubscribe = client.subscribe<Data>(
      { query: document, ...(variables !== undefined && { variables }) },
      {
        next: (event) => {
          this.#events.push(event as SubscriptionEvent<Data>);
          this.#notify();
        },
        error: (error) => this.#finish({ error }),
        complete: () => this.#finish({}),
      },
    );
  }

  /** The next event; fails when the stream ends instead. */
  async next(): Promise<SubscriptionEvent<Data>> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#end !== undefined) throw new Error(`The subscription ended: ${JSON.stringify(this.#end)}`);
      await this.#news();
    }
  }

  /** Waits for the end and answers all events that came before it. Fails when the stream ended with an error. */
  async rest(): Promise<readonly SubscriptionEvent<Data>[]> {
    while (this.#end === undefined) await this.#news();
    if ("error" in this.#end) throw new Error(`The subscription failed: ${JSON.stringify(this.#end.error)}`);
    return this.#events.splice(0);
  }

  /** What the stream ended with: null for a completion. */
  async failure(): Promise<unknown> {
    while (this.#end === undefined) await this.#news();
    return this.#end.error ?? null;
  }

  /** How many events wait to be read. */
  get unread(): number {
    return this.#events.length;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  unsubscribe(): void {
    this.#unsubscribe();
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#notify();
  }

  async #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** One socket to the gateway at `url`. */
export function connect(url: string): Client {
  const client = createClient({
    url: `${url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  disposeAfterTest(async () => client.dispose());
  return client;
}

export function subscribe<Data = Record<string, unknown>>(
  client: Client,
  document: string,
  variables?: Record<string, unknown>,
): Subscription<Data> {
  return new Subscription<Data>(client, document, variables);
}
