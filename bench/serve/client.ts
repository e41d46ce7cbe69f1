/**
 * Sends the requests of a case over a few connections that are open before, so that the work of connecting is not counted.
 * Node's own HTTP client would take longer for a request than the servers do, and they would be measured while they wait.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Case } from "./cases.js";

const CONNECTIONS = 8;

export class Client {
  readonly #url: URL;
  readonly #authorization: string | undefined;
  #connections: readonly Connection[] = [];

  /** @param authorization - what it shows. */
  constructor(url: string, authorization?: string) {
    this.#url = new URL("/graphql", url);
    this.#authorization = authorization;
  }

  /** Opens the connections anew: while others were measured, the server may have closed them. */
  async connect(): Promise<void> {
    this.close();
    const { hostname, port } = this.#url;
    this.#connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => Connection.open(hostname, Number(port))),
    );
  }

  /** The `data` of each different request of a case. */
  async answers(asked: Case): Promise<unknown[]> {
    const texts: string[] = [];
    const requests = asked.variables.length;
    await this.#send({ ...asked, requests }, (answer, index) => {
      texts[index] = answer.toString();
    });
    return texts.map((text) => {
      const { data, errors } = JSON.parse(text) as { data: unknown; errors?: unknown };
      if (errors !== undefined) throw new Error(`Expected an answer without errors, got ${text.slice(0, 500)}`);
      return data;
    });
  }

  /** Sends the requests of a round, one at a time on each connection, and waits for their answers. */
  async sendRound(asked: Case): Promise<void> {
    await this.#send(asked, () => undefined);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  async #send({ query, variables, requests }: Case, take: (answer: Buffer, index: number) => void): Promise<void> {
    const texts = variables.map((values) => this.#toRequest(JSON.stringify({ query, variables: values })));
    let sent = 0;
    const send = async (connection: Connection): Promise<void> => {
      while (sent < requests) {
        const index = sent;
        sent += 1;
        take(await connection.ask(texts[index % texts.length] ?? Buffer.of()), index);
      }
    };
    await Promise.all(this.#connections.map(send));
  }

  #toRequest(body: string): Buffer {
    const headers = [
      `POST ${this.#url.pathname} HTTP/1.1`,
      `host: ${this.#url.host}`,
      "accept: application/json",
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      ...(this.#authorization === undefined ? [] : [`authorization: ${this.#authorization}`]),
    ];
    return Buffer.from(`${headers.join("\r\n")}\r\n\r\n${body}`);
  }
}

/** One connection, with one request at a time. */
class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.of();
  #asked: { readonly resolve: (body: Buffer) => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#receive(bytes));
    socket.on("error", (error) => this.#asked?.reject(error));
    socket.on("close", () => this.#asked?.reject(new Error("Expected an answer, got the end of the connection.")));
  }

  static async open(host: string, port: number): Promise<Connection> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, "connect");
    return new Connection(socket);
  }

  /** The body of the answer. */
  async ask(request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#asked = undefined;
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const bodyAt = this.#received.indexOf("\r\n\r\n") + 4;
    if (bodyAt < 4) return;
    const head = this.#received.toString("latin1", 0, bodyAt);
    const [, length] = /^HTTP\/1\.1 200 .*\r\ncontent-length: (\d+)\r\n/is.exec(head) ?? [];
    if (length === undefined) {
      this.#asked?.reject(new Error(`Expected status 200 and a length, got ${this.#received.toString()}`));
    } else if (this.#received.length >= bodyAt + Number(length)) {
      this.#asked?.resolve(this.#received.subarray(bodyAt));
      this.#received = Buffer.of();
    }
  }
}
