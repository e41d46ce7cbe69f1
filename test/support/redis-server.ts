/** A real redis-server on a port and in a folder of its own, which can be stopped, killed and started again. It ends with the test. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { disposeAfterTest } from "./dispose-after-test.js";

/** What it says when it takes connections. */
const READY = "Ready to accept connections";

export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  readonly #parameters: readonly string[];
  #child: ChildProcess | undefined;

  constructor(port: number, folder: string, parameters: readonly string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#parameters = parameters;
  }

  /** Starts it, with what it has kept where it keeps something; resolves when it takes connections. */
  async start(): Promise<void> {
    const own = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder, "--save", ""];
    const child = spawn("redis-server", [...own, ...this.#parameters], { stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      let log = "";
      child.stdout.setEncoding("utf8").on("data", (piece: string) => {
        log = (log + piece).slice(-10_000);
        if (log.includes(READY)) resolve();
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`redis-server has ended: ${log}`)));
    });
  }

  /** As an operator does. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** It crashes. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Stops it and starts it again, on the same port and in the same folder. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** It answers nothing until `resume`, and its connections stay open. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** A client of the test's own, closed with the test. */
  client(): Redis {
    const client = new Redis(this.url);
    client.on("error", () => undefined);
    disposeAfterTest(() => client.disconnect());
    return client;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    child.kill("SIGCONT");
    await exited;
  }
}

/**
 * Starts one, which ends with the test.
 *
 * @param parameters - of its command line; without any, it keeps nothing when it ends.
 */
export async function startRedis(...parameters: readonly string[]): Promise<RedisServer> {
  const server = await openRedis(...parameters);
  disposeAfterTest(async () => server.close());
  return server.server;
}

/** Starts one for several tests, which close it. */
export async function openRedis(
  ...parameters: readonly string[]
): Promise<{ readonly server: RedisServer; readonly close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "imm-graphql-redis-"));
  const server = new RedisServer(await freePort(), folder, parameters);
  await server.start();
  return {
    server,
    close: async () => {
      await server.kill();
      rmSync(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  // The cast: it listens on no pipe.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
