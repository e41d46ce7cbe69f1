/** Sends the requests of a case over a few connections that are open before, so that the work of connecting is not counted. */

import { once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { Case } from "./cases.js";

const CONNECTIONS = 8;

export class Client {
  readonly #url: URL;
  #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  constructor(url: string) {
    this.#url = new URL("/graphql", url);
  }

  /** The `data` of each different request of a case. */
  async answers({ query, variables }: Case): Promise<unknown[]> {
    const texts = await Promise.all(
      variables.map(async (values) => this.#post(JSON.stringify({ query, variables: values }))),
    );
    return texts.map((answer) => {
      const { data, errors } = JSON.parse(answer) as { data: unknown; errors?: unknown };
      if (errors !== undefined) throw new Error(`Expected an answer without errors, got ${answer.slice(0, 500)}`);
      return data;
    });
  }

  /** Opens the connections anew, each with a request: while others were measured, the server may have closed them. */
  async connect(asked: Case): Promise<void> {
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    await this.sendRound({ ...asked, requests: CONNECTIONS });
  }

  /** Sends the requests of a round, one at a time on each connection, and reads their answers. */
  async sendRound({ query, variables, requests }: Case): Promise<void> {
    const bodies = variables.map((values) => JSON.stringify({ query, variables: values }));
    let sent = 0;
    const send = async (): Promise<void> => {
      while (sent < requests) {
        sent += 1;
        await this.#post(bodies[sent % bodies.length] ?? "");
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, send));
  }

  close(): void {
    this.#agent.destroy();
  }

  async #post(body: string): Promise<string> {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(this.#url, { method: "POST", agent: this.#agent, headers });
    sent.end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    const received = await text(answer);
    if (answer.statusCode !== 200) throw new Error(`Expected status 200, got ${answer.statusCode}: ${received}`);
    return received;
  }
}
