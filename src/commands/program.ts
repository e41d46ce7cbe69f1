/**
 * The command line: finds the command that the arguments name, with its flags, and runs it. The only file that knows
 * Commander.
 *
 * What goes wrong at the start is one sentence on standard error, and exit code 1.
 */

import { Command, CommanderError, Option, type OptionValues } from "commander";
import { settings } from "../options/options.js";
import { describeFailure, version, type CommandIo, type Environment, type Run } from "./command.js";
import type { ServeFlags } from "./serve.js";

/**
 * Runs what the arguments ask for.
 *
 * @returns the exit code, once the command is done or, when it goes on, has started.
 */
export async function run(parameters: readonly string[], environment: Environment, io: CommandIo): Promise<number> {
  try {
    let exitCode = 0;
    await createProgram(environment, io, (code) => (exitCode = code)).parseAsync(parameters, { from: "user" });
    return exitCode;
  } catch (thrown) {
    // Commander has said it.
    if (thrown instanceof CommanderError) return thrown.exitCode;
    io.stderr.write(describeFailure(thrown));
    return 1;
  }
}

/** @param onDone - gets the exit code of a command that has one. */
function createProgram(environment: Environment, io: CommandIo, onDone: (exitCode: number) => void): Command {
  // Loaded when it runs: the help and a wrong flag take none of the servers.
  const action =
    <Flags>(load: () => Promise<Run<Flags>>) =>
    async (flags: Flags): Promise<void> =>
      onDone((await (await load())(flags, environment, io)) ?? 0);

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

  addTaskCommands(program, action);
  return program;
}

/** What makes a command's action of the function that its file is loaded for. */
type Action = <Flags>(load: () => Promise<Run<Flags>>) => (flags: Flags) => Promise<void>;

function addTaskCommands(program: Command, action: Action): void {
  const watch = program
    .command("watch")
    .description("Follow tasks to their ends, with a bar for each on a terminal, else a line for each change.")
    .argument("[ids...]", "global ids of tasks")
    .option("--project <name>", "with --type and --id these tasks, else all that runs in the project")
    .option("--type <types...>", "the type of the tasks; of a whole project, tasks of these types")
    .option("--id <ids...>", "the ids of tasks within their project and type")
    .option("--tag <name=value>", "of a whole project, tasks with this tag")
    .option("--forever", "go on while nothing runs in the project")
    .option("--json", "write an object for each event, one a line, and nothing else")
    .option("--url <url>", URL_HELP)
    .addHelpText("after", WATCH_HELP)
    // 1 says that a task has failed.
    .exitOverride(({ exitCode, code, message }) => {
      throw new CommanderError(exitCode === 0 ? 0 : 2, code, message);
    });
  watch.action(async (ids: readonly string[], flags: OptionValues) =>
    action(async () => (await import("./watch.js")).watch)({ ...flags, ids }),
  );

  program
    .command("tasks")
    .description("List the newest tasks of a project.")
    .requiredOption("--project <name>", "the project")
    .option("--type <types...>", "tasks of these types")
    .option("--status <status>", "tasks in this state: RUNNING, SUCCEEDED or FAILED")
    .option("--tag <name=value>", "tasks with this tag")
    .option("--first <integer>", "how many at most", "50")
    .option("--json", "write one array")
    .option("--url <url>", URL_HELP)
    .action(action(async () => (await import("./tasks.js")).listTasks));
}

const URL_HELP =
  "a gateway, such as http://127.0.0.1:4000, with the token of IMM_GRAPHQL_TOKEN; else IMM, by the variables of serve";

const WATCH_HELP = `
Exit code: 0 all have succeeded, 1 one has failed or ended unknown, 2 one could not be followed.`;

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
