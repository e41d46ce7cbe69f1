#!/usr/bin/env node
/**
 * The `imm-graphql` command: serve, emulator, schema. The only file that touches `process`.
 *
 * It joins the settings, the vendor's client or the embedded emulator, and the gateway, says where things are, and
 * turns signals into a clean stop. What goes wrong at the start is one sentence on standard error, and exit code 1.
 */

import { readFileSync } from "node:fs";
import { Command, Option, type OptionValues } from "commander";
import { systemClock } from "./clock.js";
import { EXAMPLE } from "./commands/example.js";
import { openLog, type LogOutput } from "./commands/log-output.js";
import { chooseUpstream, type Upstream } from "./commands/upstream.js";
import { DEMO_PROJECT, startDemo } from "./emulator/demo.js";
import { EMULATOR_REGION, startEmulator, type Emulator } from "./emulator/emulator.js";
import { ConfigurationError, toError } from "./errors.js";
import { createOpenApi, type OpenApiHandle } from "./imm/wire/openapi-client.js";
import { parseEndpoint } from "./imm/wire/endpoints.js";
import { printGatewaySchema } from "./schema/build-schema.js";
import { parseOptions, settings, toGatewayOptions, type CommandOptions } from "./options/options.js";
import { createGateway } from "./server/gateway.js";
import { parseManifest } from "./server/operation/operation-manifest.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** The key pair that an emulator of this command accepts. It opens nothing but made-up data. */
const EMULATOR_KEY = { accessKeyId: "emulator", accessKeySecret: "emulator" };

/** What has been started and must be stopped, the last first. */
type Stop = () => Promise<void> | void;

async function serve(flags: OptionValues): Promise<void> {
  const options = parseOptions({ environment: process.env, flags: toFlags(flags) });
  const upstream = chooseUpstream(options);
  const log = openLog(options.logLevel);
  const stops: Stop[] = [];
  try {
    const opened = await openUpstream(upstream, stops);
    const gateway = createGateway({
      ...toGatewayOptions(options),
      region: upstream.region,
      openApi: opened.openApi,
      logger: log.logger,
      example: EXAMPLE,
      persistedOperations: readManifest(options.persistedOperations),
      persistedOperationsSource: options.persistedOperations,
    });
    stops.push(async () => gateway.stop());
    const { url } = await gateway.start();
    stopOnSignal(stops, log, () => void gateway.stop({ drainDelayMs: 0 }));
    print(startMessage(url, upstream, opened, options));
  } catch (thrown) {
    await stopAll(stops);
    await log.close();
    throw thrown;
  }
}

async function stopAll(stops: readonly Stop[]): Promise<void> {
  for (const stop of stops.toReversed()) await stop();
}

function readManifest(path: string | undefined): ReadonlyMap<string, string> | undefined {
  if (path === undefined) return undefined;
  return parseManifest(readText(path), path);
}

/** The client to talk through, and one line about who answers. */
interface OpenUpstream extends OpenApiHandle {
  readonly data: string;
}

async function openUpstream(upstream: Upstream, stops: Stop[]): Promise<OpenUpstream> {
  const userAgent = `imm-graphql/${version}`;
  switch (upstream.kind) {
    case "imm": {
      const { endpoint, accessKey } = upstream;
      const handle = await createOpenApi({ endpoint, accessKey, userAgent });
      return { ...handle, data: `IMM at ${endpoint.protocol}://${endpoint.host}, through ${handle.packageName}.` };
    }
    case "emulator": {
      const emulator = await startDemoEmulator({}, stops);
      const handle = await createOpenApi({ endpoint: parseEndpoint(emulator.url), accessKey: EMULATOR_KEY, userAgent });
      return {
        ...handle,
        data: `made up, by the embedded emulator (project ${DEMO_PROJECT}). Set IMM_REGION to talk to IMM.`,
      };
    }
  }
}

async function startDemoEmulator(
  options: { readonly port?: number; readonly host?: string; readonly timeScale?: number; readonly seed?: number },
  stops: Stop[],
): Promise<Emulator> {
  const { seed, ...emulatorOptions } = options;
  const emulator = await startEmulator({ ...emulatorOptions, ...EMULATOR_KEY, projects: [DEMO_PROJECT] });
  stops.push(async () => emulator.close());
  const demo = startDemo(emulator, seed === undefined ? {} : { seed });
  stops.push(() => demo.stop());
  return emulator;
}

function startMessage(url: string, { kind }: Upstream, { data }: OpenUpstream, options: CommandOptions): string {
  const { explorer, persistedOperations, onlyPersistedOperations } = options;
  const lines = [`imm-graphql ${version} serves ${url}/graphql`, "", `  Data       ${data}`];
  if (persistedOperations !== undefined) {
    const others = onlyPersistedOperations ? "no others" : "whatever else is sent";
    lines.push(`  Documents  those of ${persistedOperations}, and ${others}.`);
  }
  if (explorer) {
    lines.push(`  Explorers  ${url}/graphql   Apollo Sandbox, in a browser with the internet`);
    lines.push(`             ${url}/graphiql  GraphiQL, in any browser`);
  }
  if (kind === "emulator" && !onlyPersistedOperations) {
    lines.push("", "A query to paste:", "", indent(EXAMPLE.query), "", "A subscription to paste:", "");
    lines.push(indent(EXAMPLE.subscription));
  }
  return lines.join("\n");
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

const DRAIN_SIGNALS = ["SIGTERM", "SIGHUP", "SIGUSR2"] as const;
/** A terminal and a parent may both pass one Ctrl-C on: what comes within this time is one interrupt. */
const SAME_INTERRUPT_MS = 1_000;
/** What a shell says of a command that an interrupt has ended. */
const INTERRUPTED = 130;

/**
 * Stops at the first signal; the same one again changes nothing, since supervisors that signal a group of processes, and
 * parents that pass signals on, send it twice. An interrupt calls `hurry`; a second one ends the process at once.
 */
function stopOnSignal(stops: readonly Stop[], log: LogOutput, hurry: () => void): void {
  const { logger } = log;
  let exitCode = 0;
  let isStopping = false;
  let interrupt: "none" | "first" | "next ends" = "none";
  const stop = async (fields: { readonly signal?: string }): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    logger.info(fields, "Stopping: no new work, running queries finish.");
    await stopAll(stops);
    logger.info({}, "Stopped.");
    await log.close();
    // A call to IMM that was given up cannot be taken back: its socket would hold the process up until it ends.
    process.exit(exitCode);
  };
  for (const signal of DRAIN_SIGNALS) process.on(signal, () => void stop({ signal }).catch(fail));
  process.on("SIGINT", () => {
    if (interrupt === "next ends") process.exit(INTERRUPTED);
    if (interrupt === "none") {
      interrupt = "first";
      systemClock.setTimer(SAME_INTERRUPT_MS, () => {
        interrupt = "next ends";
        logger.info({}, "Still stopping; an interrupt ends the process at once now.");
      });
    }
    hurry();
    stop({ signal: "SIGINT" }).catch(fail);
  });
  // Node would open its inspector.
  process.on("SIGUSR1", () => undefined);
  // The last resort. A lost promise is one operation's; an exception has left something half done, so another process takes over.
  process.on("unhandledRejection", (reason) => {
    logger.error({ error: describe(reason) }, "A promise was rejected, and nothing handled it.");
  });
  process.on("uncaughtException", (thrown) => {
    exitCode = 1;
    logger.error({ error: describe(thrown) }, "Nothing caught an exception: the process stops.");
    hurry();
    stop({}).catch(fail);
  });
}

/** What went wrong and where, without its message: that may be the vendor's, with a credential in it. */
function describe(thrown: unknown): Readonly<Record<string, unknown>> {
  const { name, stack = "" } = toError(thrown);
  return { name, frames: stack.split("\n").filter((line) => /^ +at /.test(line)) };
}

async function serveEmulator(flags: OptionValues): Promise<void> {
  const port = parseNumber("--port", flags["port"], 0, 65_535, true);
  const timeScale = parseNumber("--time-scale", flags["timeScale"], 0.001, 1_000_000, false);
  const seed = parseNumber("--seed", flags["seed"], 0, 2 ** 31 - 1, true);
  const stops: Stop[] = [];
  const emulator = await startDemoEmulator({ port, timeScale, seed, host: String(flags["host"]) }, stops);
  stopOnSignal(stops, openLog("error"), () => undefined);
  print(
    [
      `The IMM emulator serves ${emulator.url} with made-up data in project ${DEMO_PROJECT}.`,
      "",
      "Point a gateway at it:",
      "",
      `  IMM_ENDPOINT=${emulator.url} IMM_REGION=${EMULATOR_REGION} \\`,
      `  ALIBABA_CLOUD_ACCESS_KEY_ID=${EMULATOR_KEY.accessKeyId} ALIBABA_CLOUD_ACCESS_KEY_SECRET=${EMULATOR_KEY.accessKeySecret} \\`,
      "  imm-graphql serve",
    ].join("\n"),
  );
}

function parseNumber(flag: string, text: unknown, min: number, max: number, isInteger: boolean): number {
  const value = Number(text);
  if (String(text).trim() !== "" && value >= min && value <= max && (Number.isInteger(value) || !isInteger)) {
    return value;
  }
  throw new ConfigurationError(
    `${flag}: expected ${isInteger ? "an integer" : "a number"} from ${min} to ${max}, got "${String(text)}".`,
  );
}

function printOrCheckSchema({ check, federation: isSubgraph, federationPrefix: prefix }: OptionValues): void {
  const { federation, federationPrefix } = parseOptions({
    flags: { federation: String(isSubgraph ?? false), "federation-prefix": prefix as string | undefined },
  });
  const schema = printGatewaySchema({ federation, federationPrefix });
  if (check === undefined) {
    process.stdout.write(schema);
    return;
  }
  const path = String(check);
  const prefixed = federationPrefix === undefined ? "" : ` --federation-prefix ${federationPrefix}`;
  const cure = `write it by "imm-graphql schema${federation ? " --federation" : ""}${prefixed} > ${path}".`;
  // Git may write the line ends of the system.
  if (readText(path, cure).replaceAll("\r\n", "\n") !== schema) {
    throw new ConfigurationError(`${path} is not the schema that the gateway serves: ${cure}`);
  }
}

/** @param cure - what to do where there is no such file. */
function readText(path: string, cure = "is the path right?"): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    const { code } = toError(thrown) as NodeJS.ErrnoException;
    throw new ConfigurationError(
      code === "ENOENT" ? `${path}: there is no such file: ${cure}` : `${path}: cannot be read (${code}).`,
    );
  }
}

/** The flags that were given, by their own names: Commander's `maxRetries` is `max-retries`. */
function toFlags(flags: OptionValues): Record<string, string | undefined> {
  const entries = settings.flatMap(({ flag }) => (flag === null ? [] : [[flag, flags[toOptionKey(flag)] as string]]));
  return Object.fromEntries(entries) as Record<string, string | undefined>;
}

/** Commander's own spelling of a flag's value. */
function toOptionKey(flag: string): string {
  return flag.replaceAll(/-(\w)/g, (_match, letter: string) => letter.toUpperCase());
}

/** A reader that goes is no failure; output that cannot be written is one, but does not end what was started. */
function forgiveLostOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") fail(new ConfigurationError(`Standard output cannot be written (${error.code}).`));
  });
  // This also makes a pipe non-blocking: otherwise a thread that writes the log to a reader that does not read would hold
  // the exit up for as long.
  process.stderr.on("error", () => undefined);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One sentence for what was expected to go wrong, the stack for what was not. */
function fail(thrown: unknown): void {
  const error = toError(thrown);
  const isOurs = error instanceof ConfigurationError;
  process.stderr.write(`imm-graphql: ${isOurs ? error.message : (error.stack ?? error.message)}\n`);
  process.exitCode = 1;
}

function createProgram(): Command {
  const program = new Command("imm-graphql")
    .description("A GraphQL gateway over the task APIs of Alibaba Cloud IMM.")
    .version(version)
    .showHelpAfterError("(--help lists what there is)");

  const serveCommand = program
    .command("serve")
    .description("Serve GraphQL. Each flag has an environment variable; a flag wins over its variable.")
    .action(serve);
  for (const { section, env, flag, placeholder, expected, effect, fallback } of settings) {
    if (flag === null) continue;
    const text = `${effect} [${env}; ${expected}; default: ${fallback}]`;
    serveCommand.addOption(new Option(`--${flag} ${placeholder}`, text).helpGroup(`${section}:`));
  }
  const secrets = settings.filter(({ flag }) => flag === null);
  serveCommand.addHelpText(
    "after",
    `\nOnly in the environment:\n${secrets.map(({ env, effect, fallback }) => `  ${env.padEnd(32)}${effect} [default: ${fallback}]`).join("\n")}`,
  );

  program
    .command("emulator")
    .description("Serve IMM's wire protocol with made-up data, for working without an account.")
    .option("--port <integer>", "the port; 0 takes a free one", "4010")
    .option("--host <text>", "the address to listen on", "127.0.0.1")
    .option("--time-scale <number>", "how much faster tasks live; 10 is ten times", "1")
    .option("--seed <integer>", "the seed of the made-up data: the same seed gives the same tasks", "1")
    .action(serveEmulator);

  program
    .command("schema")
    .description("Print the schema.")
    .option("--federation", "as a subgraph of Apollo Federation 2, for the composition of a supergraph")
    .option("--federation-prefix <prefix>", "with --federation, what its root fields begin with")
    .option("--check <file>", "print nothing; fail when the file is not the schema")
    .action(printOrCheckSchema);
  return program;
}

forgiveLostOutput();
createProgram().parseAsync(process.argv).catch(fail);
