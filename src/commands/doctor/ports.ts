/** Whether the gateway can listen where it is to: each port is taken for a moment. */

import { createServer, type Server } from "node:net";
import { toListenError } from "../../errors.js";
import { settings, type CommandOptions } from "../../options/options.js";
import { failed, ok, warning, wordsOf, type Check, type Finding } from "./check.js";

/** Options that are ports of HOST. A gateway may lack the second, and its table the row. */
const PORTS = ["port", "metricsPort"];

interface Listening {
  /** Of the variable, for example `PORT`. */
  readonly env: string;
  readonly host: string;
  readonly port: number;
}

export async function checkPorts(options: CommandOptions, signal: AbortSignal): Promise<Finding> {
  const all = PORTS.flatMap((name) => listeningOf(options, name));
  const twice = all.find(({ port }, index) => port !== 0 && all.findIndex((other) => other.port === port) < index);
  if (twice !== undefined) {
    const message = `${twice.env} and ${all[0]?.env} are both ${twice.port}.`;
    return { checks: [failed(`port:${twice.env}`, message, `Set ${twice.env} to another port.`)] };
  }
  return { checks: await Promise.all(all.map(async (listening) => checkPort(listening, signal))) };
}

function listeningOf(options: CommandOptions, name: string): Listening[] {
  const port = new Map<string, unknown>(Object.entries(options)).get(name);
  const row = settings.find((setting) => setting.name === name);
  return row === undefined || typeof port !== "number" ? [] : [{ env: row.env, host: options.host, port }];
}

async function checkPort({ env, host, port }: Listening, signal: AbortSignal): Promise<Check> {
  const id = `port:${env}`;
  const server = createServer();
  try {
    await listen(server, host, port);
    return ok(id, `${env}: ${port === 0 ? `a free port of ${host}` : `${host}:${port}`} can be listened on.`);
  } catch (thrown) {
    const message = wordsOf(toListenError(thrown, host, port));
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "EACCES") return failed(id, message, `Set ${env} to a port from 1024 up.`);
    if (code !== "EADDRINUSE") {
      return failed(id, message, "Set HOST to an address of this machine, or to 0.0.0.0 for all of them.");
    }
    if (await isGateway(host, port, signal)) {
      const cure = "Stop it before another is started there.";
      return warning(id, `${env}: a gateway answers at ${host}:${port} already.`, cure);
    }
    const cure = `Set ${env} to another port, or stop that program: \`ss -ltnp 'sport = :${port}'\` names it.`;
    return failed(id, message, cure);
  } finally {
    server.close();
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
}

/** What a gateway answers to a probe; its port of metrics has no probe, and says what it has. */
const ANSWERS = /^\{"status":"ok"\}$|the metrics are at \/metrics/;

/** Whether what has the port answers as a gateway does. */
async function isGateway(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host.replace(/^::$/, "::1");
  try {
    const answer = await fetch(`http://${name.includes(":") ? `[${name}]` : name}:${port}/healthz`, { signal });
    // The beginning is enough of what may never end.
    for await (const chunk of answer.body ?? []) return ANSWERS.test(Buffer.from(chunk as Uint8Array).toString());
    return false;
  } catch {
    return false;
  }
}
