/** One connection that speaks HTTP/1.1 by hand, and may do so wrongly: an answer is read before the next request is sent. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { disposeAfterTest } from "./start-gateway.js";

export interface RawAnswer {
  readonly status: number;
  /** By name in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class RawHttp {
  readonly #socket: Socket;
  #received = "";
  #isOver = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => (this.#received += bytes.toString()));
    socket.once("close", () => (this.#isOver = true));
    disposeAfterTest(() => void socket.destroy());
  }

  /** Opens a connection to the gateway at `url`. */
  static async open(url: string): Promise<RawHttp> {
    const { hostname, port } = new URL(url);
    // An IPv6 address has brackets in a URL only.
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ""));
    const raw = new RawHttp(socket);
    await once(socket, "connect");
    return raw;
  }

  /** Sends the lines of a head and a body, in one piece each, and reads one whole answer. */
  async ask(head: readonly string[], body = ""): Promise<RawAnswer> {
    this.#socket.write(`${head.join("\r\n")}\r\n\r\n`);
    if (body !== "") this.#socket.write(body);
    for (;;) {
      const answer = this.#take(head[0]?.startsWith("HEAD") ?? false);
      if (answer !== null) return answer;
      if (this.#isOver) throw new Error(`The connection ended after ${JSON.stringify(this.#received)}.`);
      await Promise.race([once(this.#socket, "data"), once(this.#socket, "close")]);
    }
  }

  #take(isHead: boolean): RawAnswer | null {
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return null;
    const [line = "", ...lines] = this.#received.slice(0, end).split("\r\n");
    const headers = Object.fromEntries(
      lines.map((pair) => [pair.split(":", 1)[0]?.toLowerCase(), pair.slice(pair.indexOf(":") + 1).trim()]),
    ) as Record<string, string>;
    const rest = this.#received.slice(end + "\r\n\r\n".length);
    const length = isHead ? 0 : Number(headers["content-length"] ?? 0);
    if (Buffer.byteLength(rest) < length) return null;
    const body = Buffer.from(rest).subarray(0, length).toString();
    this.#received = rest.slice(body.length);
    return { status: Number(line.split(" ")[1]), headers, body };
  }
}

/** Asks on a connection of its own. */
export async function askRaw(url: string, head: readonly string[], body?: string): Promise<RawAnswer> {
  return (await RawHttp.open(url)).ask(head, body);
}
