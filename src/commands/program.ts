/**
 * The command line: finds the command that the arguments name, with its flags, and runs it. The only file that knows
 * Commander.
 *
 * What goes wrong at the start is one sentence on standard error, and exit code 1.
 */

import { Command, CommanderError, Option, type OptionValues } from "commander";
import { ConfigurationError, toError } from "../errors.js";
import { settings } from "../options/options.js";
import { version, type CommandIo, type Environment, type Run } from "./command.js";
import type { ServeFlags } from "./serve.js";

/**
 * Runs what the arguments ask for.
 *
 * @returns the exit code, once the command is done or, when it goes on, has started.
 */
export async function run(parameters: readonly string[], environment: Environment, io: CommandIo): Promise<number> {
  try {
    await createProgram(environment, io).parseAsync(parameters, { from: "user" });
    return 0;
  } catch (thrown) {
    // Commander has said it.
    if (thrown instanceof CommanderError) return thrown.exitCode;
    io.stderr.write(describeFailure(thrown));
    return 1;
  }
}

/** One sentence for what was expected to go wrong, the stack for what was not. */
export function describeFailure(thrown: unknown): string {
  const error = toError(thrown);
  const isOurs = error instanceof ConfigurationError;
  return `imm-graphql: ${isOurs ? error.message : (error.stack ?? error.message)}\n`;
}

function createProgram(environment: Environment, io: CommandIo): Command {
  // Loaded when it runs: the help and a wrong flag take none of the servers.
  const action =
    <Flags>(load: () => Promise<Run<Flags>>) =>
    async (flags: Flags): Promise<void> =>
      (await load())(flags, environment, io);

  const program = new Command("imm-graphql")
    .description("A GraphQL gateway over the task APIs of Alibaba Cloud IMM.")
    .version(version)
    .showHelpAfterError("(--help lists what there is)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    });

  addSettings(
    program
      .command("serve")
      .description("Serve GraphQL. Each flag has an environment variable; a flag wins over its variable.")
      .action(async (values: OptionValues) => action(async () => (await import("./serve.js")).serve)(toFlags(values))),
  );

  addSettings(
    program
      .command("doctor")
      .description("Look for what is wrong before `serve` is started with the same settings, and say what mends it.")
      .option("--json", "one document of JSON on standard output, and nothing else")
      .option("--as <file>", "ask who holds the token in the file; - reads standard input")
      .option("--task <id>", "with --as, or for a caller without a token: may it read the task of this global id?")
      .action(async ({ json, as, task, ...values }: OptionValues) =>
        action(async () => (await import("./doctor.js")).doctor)({ settings: toFlags(values), json, as, task }),
      ),
  );

  program
    .command("emulator")
    .description("Serve IMM's wire protocol with made-up data, for working without an account.")
    .option("--port <integer>", "the port; 0 takes a free one", "4010")
    .option("--host <text>", "the address to listen on", "127.0.0.1")
    .option("--time-scale <number>", "how much faster tasks live; 10 is ten times", "1")
    .option("--seed <integer>", "the seed of the made-up data: the same seed gives the same tasks", "1")
    .action(action(async () => (await import("./emulator.js")).runEmulator));

  program
    .command("schema")
    .description("Print the schema.")
    .option("--federation", "as a subgraph of Apollo Federation 2, for the composition of a supergraph")
    .option("--federation-prefix <prefix>", "with --federation, what its root fields begin with")
    .option("--check <file>", "print nothing; fail when the file is not the schema")
    .action(action(async () => (await import("./schema.js")).printOrCheckSchema));

  program
    .command("token")
    .description("Print a new random token, and its SHA-256 for the access file.")
    .option("--name <text>", "what its caller is known by: token:<name>", "my-service")
    .action(action(async () => (await import("./token.js")).printToken));
  return program;
}

function addSettings(command: Command): void {
  for (const { section, env, flag, placeholder, expected, effect, fallback } of settings) {
    if (flag === null) continue;
    const text = `${effect} [${env}; ${expected}; default: ${fallback}]`;
    command.addOption(new Option(`--${flag} ${placeholder}`, text).helpGroup(`${section}:`));
  }
  const secrets = settings.filter(({ flag }) => flag === null);
  const lines = secrets.map(({ env, effect, fallback }) => `  ${env.padEnd(32)}${effect} [default: ${fallback}]`);
  command.addHelpText("after", `\nOnly in the environment:\n${lines.join("\n")}`);
}

/** The flags that were given, by their own names: Commander's `maxRetries` is `max-retries`. */
function toFlags(values: OptionValues): ServeFlags {
  const entries = settings.flatMap(({ flag }) => (flag === null ? [] : [[flag, values[toOptionKey(flag)] as string]]));
  return Object.fromEntries(entries) as ServeFlags;
}

/** Commander's own spelling of a flag's value. */
function toOptionKey(flag: string): string {
  return flag.replaceAll(/-(\w)/g, (_match, letter: string) => letter.toUpperCase());
}
