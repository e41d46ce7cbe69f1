/** A Redis of the fleet: keeps all it was given over a restart, as `appendonly` and `noeviction` promise. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { until } from "./until.js";

export class RedisProcess {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "imm-graphql-redis-"));
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<RedisProcess> {
    const redis = new RedisProcess(await freePort());
    await redis.start();
    return redis;
  }

  async start(): Promise<void> {
    const options = { port: this.port, bind: "127.0.0.1", dir: this.#folder, save: "", appendonly: "yes" };
    const parameters = Object.entries({ ...options, "maxmemory-policy": "noeviction" });
    this.#child = spawn(
      "redis-server",
      parameters.flatMap(([name, value]) => [`--${name}`, String(value)]),
      { stdio: "ignore" },
    );
    await until("Redis answers", async () =>
      this.ask("PING").then(
        (answer) => answer === "PONG",
        () => false,
      ),
    );
  }

  /** Ends it without a word, as a crash does; what it has kept is there for the next start. */
  async crash(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** SIGSTOP lets it answer nothing until SIGCONT, with its connections open. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** One command, on a connection of its own. */
  async ask(command: string, ...parameters: readonly string[]): Promise<unknown> {
    const client = new Redis({ port: this.port, host: "127.0.0.1", lazyConnect: true, retryStrategy: () => null });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await client.call(command, ...parameters);
    } finally {
      client.disconnect();
    }
  }

  async close(): Promise<void> {
    await this.crash();
    rmSync(this.#folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
