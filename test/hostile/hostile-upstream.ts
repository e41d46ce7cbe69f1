/**
 * IMM for a gateway under attack: the emulator, and in front of it answers that a test writes byte by byte for the calls of
 * one project.
 */

import {
  createServer,
  request as sendRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.js";

/** The project of those who mean no harm; the emulator answers for it. */
export const GOOD_PROJECT = "immtest";
/** The project for which IMM answers what the test says. */
export const BAD_PROJECT = "hostile";

/** Writes the answer to one call. `socket` takes raw bytes; it is closed when the test ends. */
export type RawAnswer = (call: {
  readonly action: string;
  readonly response: ServerResponse;
  readonly socket: Duplex;
}) => void;

export class HostileUpstream {
  readonly emulator: Emulator;
  readonly #server: Server;
  /** Calls for the bad project so far. */
  badCalls = 0;
  /** What the calls for the bad project are answered with. */
  answer: RawAnswer = ({ response }) => void response.writeHead(503).end();

  private constructor(emulator: Emulator) {
    this.emulator = emulator;
    this.#server = createServer({ maxHeaderSize: 1_000_000 }, (incoming, response) => this.#serve(incoming, response));
  }

  static async start(): Promise<HostileUpstream> {
    const upstream = new HostileUpstream(
      await startEmulator({ maxRequestsPerSecond: Infinity, maxClockSkewMs: Infinity, projects: [GOOD_PROJECT] }),
    );
    await new Promise<void>((resolve) => upstream.#server.listen(0, "127.0.0.1", resolve));
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    await this.emulator.close();
  }

  #serve(incoming: IncomingMessage, response: ServerResponse): void {
    incoming.on("error", () => undefined);
    response.on("error", () => undefined);
    const { searchParams } = new URL(incoming.url ?? "", "http://localhost");
    if (searchParams.get("ProjectName") === BAD_PROJECT) {
      incoming.resume();
      this.badCalls += 1;
      this.answer({ action: String(incoming.headers["x-acs-action"]), response, socket: incoming.socket });
      return;
    }
    const { hostname, port } = new URL(this.emulator.url);
    // The headers pass as they are: the signature covers the host that the client called.
    const forwarded = sendRequest(
      { hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on("error", () => response.destroy());
    incoming.pipe(forwarded);
  }
}
