/** A TCP proxy before a server, which stalls, cuts and refuses connections when a test says so. It ends with the test. */

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { disposeAfterTest } from "./dispose-after-test.js";

export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  #isStalled = false;
  #isCut = false;

  constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on("connection", (client) => this.#accept(client));
  }

  get port(): number {
    // The cast: it listens on no pipe.
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#pairs.size;
  }

  /**
   * Carries nothing any more; connections stay open, and new ones are taken. What is sent is carried after `resume`.
   *
   * @param first - how many of the connections, those that are open for the longest, are left as they are.
   */
  stall(first = 0): void {
    this.#isStalled = true;
    for (const sockets of [...this.#pairs].slice(first)) for (const socket of sockets) socket.pause();
  }

  /** Ends `stall`, and `cut`. */
  resume(): void {
    this.#isStalled = false;
    this.#isCut = false;
    for (const sockets of this.#pairs) for (const socket of sockets) socket.resume();
  }

  /** Closes all connections, and new ones at once. */
  cut(): void {
    this.#isCut = true;
    this.cutOnce();
  }

  /** Closes all connections. */
  cutOnce(): void {
    for (const sockets of this.#pairs) for (const socket of sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.destroy();
      return;
    }
    const server = connect(this.#targetPort, "127.0.0.1");
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on("error", () => undefined);
      from.on("data", (piece) => to.write(piece));
      from.on("close", () => {
        to.end();
        this.#pairs.delete(pair);
      });
      if (this.#isStalled) from.pause();
    }
  }
}

/** Starts one before a port of this machine. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const server = createServer({ allowHalfOpen: false }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = new TcpProxy(server, targetPort);
  disposeAfterTest(() => proxy.close());
  return proxy;
}
