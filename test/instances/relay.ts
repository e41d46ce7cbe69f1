/**
 * A TCP relay between an instance and what it talks to, in which the network goes wrong: it stalls, is cut, or loses messages of
 * Redis' channels. It also knows when the instance has sent something.
 */

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { splitReplies } from "./resp.js";

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
}

export class Relay {
  /** When the instance has sent something, in milliseconds of `performance.now()`. */
  readonly sentAt: number[] = [];
  /** How many messages were lost. */
  lostMessages = 0;
  /** Says of a message, by its channel and text, whether it is lost. Only where the target is Redis. */
  losesMessage: (channel: string, text: string) => boolean = () => false;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #targetPort: number;
  readonly #isRedis: boolean;
  #state: "open" | "stalled" | "cut" = "open";

  private constructor(targetPort: number, isRedis: boolean) {
    this.#targetPort = targetPort;
    this.#isRedis = isRedis;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** @param target - of this machine. */
  static async open(targetPort: number, target: "redis" | "other"): Promise<Relay> {
    const relay = new Relay(targetPort, target === "redis");
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    // The cast: it listens on TCP.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections stay, new ones are taken, and nothing passes. */
  stall(): void {
    this.#state = "stalled";
    for (const { client, target } of this.#pairs) {
      client.pause();
      target.pause();
    }
  }

  /** Connections end, and new ones end at once. */
  cut(): void {
    this.#state = "cut";
    for (const pair of this.#pairs) this.#end(pair);
  }

  /** All passes again; what was stalled comes late. */
  mend(): void {
    this.#state = "open";
    for (const { client, target } of this.#pairs) {
      client.resume();
      target.resume();
    }
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    client.on("error", () => undefined);
    if (this.#state === "cut") {
      client.destroy();
      return;
    }
    const target = connect(this.#targetPort, "127.0.0.1");
    target.on("error", () => undefined);
    const pair = { client, target };
    this.#pairs.add(pair);
    client.on("data", (bytes) => {
      this.sentAt.push(performance.now());
      target.write(bytes);
    });
    let unread: Buffer = Buffer.alloc(0);
    target.on("data", (bytes: Buffer) => {
      if (!this.#isRedis) {
        client.write(bytes);
        return;
      }
      const { replies, rest } = splitReplies(Buffer.concat([unread, bytes]));
      unread = rest;
      for (const { text, message } of replies) {
        if (message !== undefined && this.losesMessage(message.channel, message.text)) this.lostMessages += 1;
        else client.write(text);
      }
    });
    client.on("close", () => this.#end(pair));
    target.on("close", () => this.#end(pair));
    if (this.#state === "stalled") {
      client.pause();
      target.pause();
    }
  }

  #end(pair: Pair): void {
    pair.client.destroy();
    pair.target.destroy();
    this.#pairs.delete(pair);
  }
}
