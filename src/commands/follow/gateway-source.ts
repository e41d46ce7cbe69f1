/**
 * A gateway elsewhere, over `graphql-transport-ws`: the client of graphql-ws, which sends each subscription again on a new
 * connection. One that was never reached is given up at once; one that was is tried again until it is back.
 */

import { isNativeError } from "node:util/types";
import { createClient, type Client } from "graphql-ws/client";
import { WebSocket, type ClientOptions } from "ws";
import type { Clock, Timer } from "../../clock.js";
import { ConfigurationError, toError } from "../../errors.js";
import { MalformedAnswerError } from "./answers.js";
import { refusalOf, type Failure, type Operation, type Sink, type TaskSource } from "./task-source.js";

/** How the connection stands, told whenever that changes. */
export type Link =
  { readonly name: "lost"; readonly reason: string; readonly retryInMs: number } | { readonly name: "back" };

export interface GatewaySourceOptions {
  /** As `parseGatewayUrl` gives it. */
  readonly url: URL;
  /** Shown to the gateway, where there is one. */
  readonly token: string | undefined;
  readonly clock: Clock;
  readonly onLink: (link: Link) => void;
}

/** The environment variable of the token. */
export const TOKEN_VARIABLE = "IMM_GRAPHQL_TOKEN";

const GRAPHQL_PATH = "/graphql";
/** "Try again later": the gateway is there. */
const TRY_AGAIN_LATER = 1_013;
const UNAUTHORIZED = 4_401;
const FORBIDDEN = 4_403;
/** What graphql-ws calls a connection that was cut here. */
const TERMINATED = 4_499;
/** How long a handshake, its acknowledgement, and the answer to a ping may take; and how long it is quiet before a ping. */
const ANSWER_MS = 10_000;
const MAX_RETRY_MS = 10_000;

/**
 * The address of a gateway's WebSocket, by what the user wrote: with `http`, `https`, `ws` or `wss`, with its path or without.
 *
 * @throws ConfigurationError - when it is none.
 */
export function parseGatewayUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(http|ws)s?:$/.test(url.protocol)) {
    throw new ConfigurationError(`--url: expected a URL such as http://127.0.0.1:4000, got "${text}".`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new ConfigurationError(`--url: expected no name and password in it: set ${TOKEN_VARIABLE} to a token.`);
  }
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  if (url.pathname === "/") url.pathname = GRAPHQL_PATH;
  return url;
}

/** A gateway, which is connected to when it is first asked. */
export class GatewaySource implements TaskSource {
  readonly #options: GatewaySourceOptions;
  readonly #client: Client;
  #wasReached = false;
  /** What the gateway sent that cannot be read: it would send it again. */
  #malformed: Error | undefined;
  /** Why the connection was last lost. */
  #loss: unknown;
  #retry: Timer | undefined;
  #pong: Timer | undefined;

  constructor(options: GatewaySourceOptions) {
    const { url, token, clock, onLink } = options;
    this.#options = options;
    this.#client = createClient({
      url: url.href,
      webSocketImpl: PatientWebSocket,
      ...(token !== undefined && { connectionParams: { authorization: `Bearer ${token}` } }),
      connectionAckWaitTimeout: ANSWER_MS,
      keepAlive: ANSWER_MS,
      retryAttempts: Infinity,
      shouldRetry: (thrown) => this.#isPassing(thrown),
      retryWait: async (retries) => {
        const retryInMs = Math.min(1_000 * 2 ** retries, MAX_RETRY_MS) * (0.5 + clock.random() / 2);
        onLink({ name: "lost", reason: reasonOf(this.#loss), retryInMs });
        await new Promise<void>((resolve) => {
          this.#retry = clock.setTimer(retryInMs, resolve);
        });
      },
      on: {
        connected: (_socket, _payload, wasRetrying) => {
          this.#wasReached = true;
          if (wasRetrying) onLink({ name: "back" });
        },
        error: (thrown) => {
          this.#loss = thrown;
          // What a socket says of itself is an event; an error comes of reading a message.
          if (isNativeError(thrown)) this.#malformed = thrown;
        },
        closed: (event) => {
          this.#pong?.cancel();
          // An error says more than the close that follows it.
          if (this.#loss === undefined || codeOf(event) !== 1_006) this.#loss = event;
        },
        opened: () => {
          this.#loss = undefined;
        },
        // A peer that vanished sends nothing, not even an end.
        ping: (isReceived) => {
          if (!isReceived) this.#pong = clock.setTimer(ANSWER_MS, () => this.#client.terminate());
        },
        pong: (isReceived) => {
          if (isReceived) this.#pong?.cancel();
        },
      },
    });
  }

  subscribe({ query, variables }: Operation, sink: Sink): () => void {
    return this.#client.subscribe(
      { query, variables: { ...variables } },
      {
        next: (result) => sink.next(result),
        complete: () => sink.end(),
        error: (thrown) => sink.end(this.#toSentence(thrown)),
      },
    );
  }

  cureOf({ code }: Failure): string {
    if (code === "UNAUTHENTICATED") return ` Set ${TOKEN_VARIABLE} to a token that the gateway lets in.`;
    if (code !== "FORBIDDEN") return "";
    return this.#options.token === undefined
      ? ` ${TOKEN_VARIABLE} is not set.`
      : ` It was asked with the token of ${TOKEN_VARIABLE}.`;
  }

  async close(): Promise<void> {
    this.#retry?.cancel();
    this.#pong?.cancel();
    // It waits for a connection that is being made, which may never be.
    void this.#client.dispose();
  }

  #isPassing(thrown: unknown): boolean {
    if (this.#malformed !== undefined) return false;
    if (codeOf(thrown) === TRY_AGAIN_LATER) return true;
    return this.#wasReached && ![401, 403].includes(statusOf(thrown) ?? 0);
  }

  /** One sentence for whatever ended a subscription: a list of errors, an event of the socket, or an error. */
  #toSentence(thrown: unknown): Error {
    if (Array.isArray(thrown)) return refusalOf(this, thrown);
    const at = this.#options.url.href.replace(/^ws/, "http");
    if (this.#malformed !== undefined) {
      return new MalformedAnswerError(`messages of graphql-transport-ws from ${at}, got: ${this.#malformed.message}`);
    }
    const reason = reasonOf(thrown);
    const code = codeOf(thrown);
    const status = statusOf(thrown);
    if (code === UNAUTHORIZED || code === FORBIDDEN || status === 401 || status === 403) {
      const what = this.#options.token === undefined ? "is not set" : "was not let in";
      return new ConfigurationError(`The gateway at ${at} refused: ${reason}; ${TOKEN_VARIABLE} ${what}.`);
    }
    if (status === 404)
      return new ConfigurationError(`There is no gateway at this path of ${at}: it is ${GRAPHQL_PATH}.`);
    if (status !== undefined) return new ConfigurationError(`A server at ${at} refused the WebSocket: ${reason}.`);
    if (this.#wasReached) return new ConfigurationError(`The gateway at ${at} refused: ${reason}.`);
    return new ConfigurationError(`No gateway answers at ${at}: ${reason}.`);
  }
}

/** One that does not wait for ever for a server that says nothing. */
class PatientWebSocket extends WebSocket {
  constructor(address: string, protocols: string) {
    super(address, protocols, { handshakeTimeout: ANSWER_MS } satisfies ClientOptions);
  }
}

/** What an event of a socket, or an error, says of itself; an error of several addresses has a code alone. */
interface Event {
  readonly code?: number | string;
  readonly reason?: string;
  readonly message?: string;
  readonly error?: { readonly code?: string };
}

function toEvent(thrown: unknown): Event {
  return typeof thrown === "object" && thrown !== null ? thrown : toError(thrown);
}

/** The code that a socket was closed with. */
function codeOf(thrown: unknown): number | undefined {
  const { code } = toEvent(thrown);
  return typeof code === "number" ? code : undefined;
}

/** The status that a handshake was answered with, by the words of ws. */
function statusOf(thrown: unknown): number | undefined {
  const [, status] = /^Unexpected server response: (\d+)/.exec(toEvent(thrown).message ?? "") ?? [];
  return status === undefined ? undefined : Number(status);
}

function reasonOf(thrown: unknown): string {
  const status = statusOf(thrown);
  if (status !== undefined) return `status ${status}`;
  if (codeOf(thrown) === TERMINATED) return "no answer to a ping";
  const { message, error, reason } = toEvent(thrown);
  return message || error?.code || reason || `closed with ${codeOf(thrown) ?? "no reason"}`;
}
