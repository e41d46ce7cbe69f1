/**
 * HTTP answers that go on for as long as a subscription does: what the SSE and the multipart transport have in common.
 *
 * The next events are written only when the client has taken the last ones, so that a slow client finds the newest
 * snapshot of each task instead of a queue. A client that goes follows nothing from then on. A stop of the gateway breaks the answers off;
 * none of them then says that its task is over.
 */

import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import type { ExecutionResult, GraphQLFormattedError } from "graphql";
import type { WhenExpired } from "../../../access/expiry.js";
import type { Clock, Timer } from "../../../clock.js";
import { UnauthenticatedError, UpstreamUnavailableError } from "../../../errors.js";
import type { Pipeline, Preparation } from "../../operation/pipeline.js";
import { STOPPING } from "../refusal.js";
import { ResultStream } from "../../subscription/result-stream.js";

/** How a protocol writes. No text but `breakOff` may be empty. */
export interface Wire {
  readonly contentType: string;
  /** Sent at once, so that the client knows that it is being served. */
  readonly opening: string;
  /** @param json - a formatted result; it is in one line. */
  event(json: string): string;
  /** Sent every `heartbeatMs`, so that no proxy takes the connection for dead. */
  readonly heartbeat: string;
  readonly heartbeatMs: number;
  readonly completion: string;
  /** The last words of an answer that ends before its events do, since the gateway stops. */
  breakOff(error: GraphQLFormattedError): string;
  /** The last words of an answer that fails: trying again would not help. */
  fail(error: GraphQLFormattedError): string;
}

export interface StreamedAnswersOptions {
  readonly clock: Clock;
  readonly pipeline: Pipeline;
  readonly whenExpired: WhenExpired;
}

export class StreamedAnswers {
  readonly #options: StreamedAnswersOptions;
  readonly #subscriptions = new Set<StreamedAnswer>();
  #isStopping = false;

  constructor(options: StreamedAnswersOptions) {
    this.#options = options;
  }

  /**
   * Answers with what a prepared operation comes to; takes the reply over from Fastify. The promise settles, and never
   * rejects, when the last word has been written or the client has gone.
   */
  async send(reply: FastifyReply, wire: Wire, preparation: Preparation): Promise<FastifyReply> {
    const { clock, pipeline } = this.#options;
    reply.hijack();
    const answer = new StreamedAnswer(reply, wire, clock, () => this.#isStopping);
    const toEvent = (result: ExecutionResult): string => wire.event(pipeline.textOf(result));
    if (answer.isOver()) {
      if (preparation.kind === "ready") pipeline.discard(preparation);
      return reply;
    }
    let expiry: Timer | undefined;
    try {
      const outcome = await pipeline.run(preparation);
      if (!(outcome instanceof ResultStream)) {
        answer.end(toEvent(outcome) + wire.completion);
        return reply;
      }
      // A query may finish while the gateway stops; a subscription has no end to wait for.
      this.#subscriptions.add(answer);
      if (this.#isStopping) this.#breakOff(answer);
      if (preparation.kind === "ready") {
        expiry = this.#options.whenExpired(preparation.args.principal, () => this.#expire(answer));
      }
      await answer.follow(outcome, toEvent);
      answer.end(wire.completion);
    } catch (thrown) {
      answer.end(wire.fail(pipeline.formatError(thrown)));
    } finally {
      expiry?.cancel();
      this.#subscriptions.delete(answer);
    }
    return reply;
  }

  /** Breaks every subscription off, those that are still to come too. */
  stop(): void {
    this.#isStopping = true;
    for (const answer of this.#subscriptions) this.#breakOff(answer);
  }

  #expire(answer: StreamedAnswer): void {
    const error = new UnauthenticatedError("The token has expired, or is not let in any more.");
    answer.end(answer.wire.fail(this.#options.pipeline.formatError(error)));
  }

  #breakOff(answer: StreamedAnswer): void {
    answer.end(answer.wire.breakOff(this.#options.pipeline.formatError(new UpstreamUnavailableError(STOPPING))));
  }
}

/** One answer, from its head to its last word. */
class StreamedAnswer {
  readonly wire: Wire;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #isStopping: () => boolean;
  #phase: "open" | "over" = "open";
  #results: ResultStream | undefined;
  #heartbeat: Timer | undefined;

  constructor(reply: FastifyReply, wire: Wire, clock: Clock, isStopping: () => boolean) {
    const response = reply.raw;
    this.wire = wire;
    this.#response = response;
    this.#clock = clock;
    this.#isStopping = isStopping;
    // The request may have waited for its body until its client had gone: then there will be no event of that.
    if (response.destroyed) {
      this.#phase = "over";
      return;
    }
    response.once("close", () => this.#leave());
    // A write to a client that has just gone; "close" follows.
    response.on("error", () => undefined);
    // What the hooks have set, those of CORS among it: Fastify no longer sends it.
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) response.setHeader(name, value);
    }
    response.writeHead(200, {
      "content-type": wire.contentType,
      "cache-control": "no-store",
      // Asks nginx, and proxies that speak its dialect, to pass events on as they come.
      "x-accel-buffering": "no",
    });
    response.write(wire.opening);
    this.#planHeartbeat();
  }

  /** A method, since what happens during an `await` is out of the compiler's sight. */
  isOver(): boolean {
    return this.#phase === "over";
  }

  /** Sends everything, and resolves when there is nothing more or the client has gone. */
  async follow(results: ResultStream, toEvent: (result: ExecutionResult) => string): Promise<void> {
    this.#results = results;
    if (this.isOver()) results.close();
    await new Promise<void>((resolve, reject) => {
      results.read({
        send: (batch, onTaken) => void this.#response.write(batch.map(toEvent).join(""), onTaken),
        end: resolve,
        fail: reject,
      });
    });
  }

  /** Writes the last words, if there are any. Harmless when the answer is over. */
  end(lastWords: string): void {
    if (this.isOver()) return;
    const { socket } = this.#response;
    this.#leave();
    this.#response.end(lastWords, () => {
      // A connection that stays open after its last answer would hold the stop up until the deadline.
      if (this.#isStopping()) socket?.destroySoon();
    });
  }

  #leave(): void {
    if (this.isOver()) return;
    this.#phase = "over";
    this.#heartbeat?.cancel();
    this.#results?.close();
  }

  #planHeartbeat(): void {
    this.#heartbeat = this.#clock.setTimer(this.wire.heartbeatMs, () => {
      // To a client that has not taken its last event, a heartbeat would be news of nothing.
      if (!this.#response.writableNeedDrain) this.#response.write(this.wire.heartbeat);
      this.#planHeartbeat();
    });
  }
}
