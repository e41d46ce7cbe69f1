/** nginx with `deploy/nginx.conf`, in a folder of its own: the addresses in it are those of the test. It ends with the test. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../support/snippets.js";
import { disposeAfterTest } from "../../support/start-gateway.js";

export const run = promisify(execFile);

/** Debian has it where only root looks for commands. */
const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };

export interface NginxOptions {
  /** Where gateways are, in the order of their turns. */
  readonly ports: readonly number[];
  /** What else is replaced in the file. Each must be there. */
  readonly replaced?: readonly (readonly [text: string | RegExp, by: string])[];
  /** How long a reload waits for what is open. Undefined for nginx's own: for good. */
  readonly shutdownTimeoutMs?: number;
}

/** One that runs. */
export class Nginx {
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  readonly #log: NginxLog;

  constructor(port: number, folder: string, log: NginxLog) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#log = log;
  }

  /** Reads the file again, as an operator does, and waits for the new worker. */
  async reload(): Promise<void> {
    const started = this.#log.count(STARTED);
    await nginx(this.#folder, "-s", "reload");
    await this.#log.until(STARTED, started + 1);
  }
}

/** What the log has when a worker takes connections. */
const STARTED = /start worker process \d+/g;

/** Starts it, after `nginx -t` had nothing to say against the file. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), "imm-graphql-nginx-"));
  disposeAfterTest(() => rmSync(folder, { recursive: true }));
  const port = await freePort();
  mkdirSync(join(folder, "conf.d"));
  writeFileSync(join(folder, "conf.d/imm-graphql.conf"), configuration(port, options));
  writeFileSync(join(folder, "nginx.conf"), surroundings(folder, options.shutdownTimeoutMs));
  const { stderr } = await nginx(folder, "-t");
  // Newer ones have a directive for HTTP/2, and take the old form with a warning.
  if (/\[(warn|emerg)\](?!.*"listen \.\.\. http2")/.test(stderr)) throw new Error(stderr);
  const child = spawn("nginx", argumentsOf(folder), { env, stdio: ["ignore", "ignore", "pipe"] });
  const log = new NginxLog(child.stderr);
  const exited = once(child, "exit");
  disposeAfterTest(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  await log.until(STARTED, 1);
  return new Nginx(port, folder, log);
}

async function nginx(folder: string, ...parameters: readonly string[]): Promise<{ readonly stderr: string }> {
  return run("nginx", [...argumentsOf(folder), ...parameters], { env });
}

function argumentsOf(folder: string): readonly string[] {
  return ["-p", folder, "-c", join(folder, "nginx.conf")];
}

function configuration(port: number, { ports, replaced = [] }: NginxOptions): string {
  const servers = ports.map((gateway) => `server 127.0.0.1:${gateway};`).join("\n  ");
  const own = [["server 127.0.0.1:4000;", servers] as const, ["listen 80;", `listen 127.0.0.1:${port};`] as const];
  return [...replaced, ...own].reduce(
    (text, [from, to]) => {
      const changed = text.replace(from, () => to);
      if (changed === text) throw new Error(`deploy/nginx.conf does not have ${String(from)}.`);
      return changed.replaceAll("PORT", String(port));
    },
    readFileSync(join(root, "deploy/nginx.conf"), "utf8"),
  );
}

/** What stands around the file in a system's own, with nothing outside of the folder. */
function surroundings(folder: string, shutdownTimeoutMs: number | undefined): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? "user root;" : ""}
pid ${folder}/nginx.pid;
error_log stderr notice;
${shutdownTimeoutMs === undefined ? "" : `worker_shutdown_timeout ${shutdownTimeoutMs}ms;`}
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ")}
  include ${folder}/conf.d/*.conf;
}
`;
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

/** What nginx says, to wait for. */
class NginxLog {
  #text = "";
  readonly #stream: NodeJS.ReadableStream;

  constructor(stream: NodeJS.ReadableStream) {
    this.#stream = stream.setEncoding("utf8").on("data", (piece: string) => {
      this.#text += piece;
    });
  }

  count(pattern: RegExp): number {
    return this.#text.match(pattern)?.length ?? 0;
  }

  async until(pattern: RegExp, count: number): Promise<void> {
    while (this.count(pattern) < count) {
      const [ended] = await Promise.race([
        once(this.#stream, "data").then(() => [false]),
        once(this.#stream, "end").then(() => [true]),
      ]);
      if (ended === true) throw new Error(`nginx has ended: ${this.#text}`);
    }
  }
}
