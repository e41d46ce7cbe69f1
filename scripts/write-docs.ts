/**
 * Writes the pages of docs/ that follow from the code: `npm run docs`. With `--check` it writes nothing, and fails when a
 * page is not what it would write.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { createOperationOf, taskTypes, type TaskTypeFacts } from "../src/imm/operations.js";
import { settings, type Setting } from "../src/options/options.js";

// Compiled to dist/scripts/.
const root = new URL("../../", import.meta.url);

const STAGES = {
  general: "",
  "public-preview": " In public preview.",
  "invitational-preview": " Only for accounts that IMM has invited.",
} as const;

const EVIDENCE = { docs: "the documentation", sdk: "the SDK", inferred: "the type of the event" } as const;

const pages = { "docs/settings.md": settingsPage(), "docs/task-types.md": taskTypesPage() };

function taskTypesPage(): string {
  return [
    "# Task types",
    "",
    "<!-- Written by `npm run docs` from the table in src/imm/operations/. -->",
    "",
    "The task types that the gateway knows, by name. Query `taskTypes` for the same list in a program. IMM may have others: their",
    "tasks can be read and followed all the same.",
    "",
    "- **mutation** starts such a task, and **operation** is what it calls: the action for a RAM policy.",
    "- **takes**: whether the mutation takes `tags`, `userData` and `credentialConfig`.",
    "- **definition**: whether IMM gives the `requestDefinition` of such a task, so that `rerunTask` can start it once more.",
    "- **event**: the type of the event that EventBridge gets when the task ends.",
    "- **known from**: where IMM has the spelling of the type. One that stands in the documentation is certain. One that stands in the",
    "  SDK was seen in its code. One that was concluded from the type of the event may be spelled in another way.",
    "",
    "| task type | mutation | what it does | operation | takes | definition | event | known from |",
    "| - | - | - | - | - | - | - | - |",
    ...taskTypes.map(taskTypeRow),
    "",
  ].join("\n");
}

function taskTypeRow(row: TaskTypeFacts): string {
  const takes = [
    row.takesTags && "tags",
    row.takesUserData && "userData",
    row.takesCredentialConfig && "credentialConfig",
  ].filter((name) => name !== false);
  const cells = [
    `\`${row.name}\``,
    `\`${row.mutation}\``,
    `${createOperationOf(row.name)?.description ?? ""}${STAGES[row.stage]}`,
    `\`${row.operation}\``,
    takes.map((name) => `\`${name}\``).join(", "),
    row.hasRequestDefinition ? "yes" : "",
    row.eventType === null ? "" : `\`${row.eventType}\``,
    EVIDENCE[row.evidence],
  ];
  return `| ${cells.join(" | ")} |`;
}

function settingsPage(): string {
  const sections = [...new Set(settings.map(({ section }) => section))];
  return [
    "# Settings",
    "",
    "<!-- Written by `npm run docs` from the table in src/options/. -->",
    "",
    "A flag wins over its variable; a variable that is set to nothing is not set. A value that does not parse stops the",
    "start with one sentence. `createGateway` takes the same options under the names in the third column, checks them by the",
    "same table, and has the same defaults, but for those that depend on `NODE_ENV`, which a library does not read: there",
    "`explorer` is false, and `corsOrigins` is empty, or `localhost` beside the explorer.",
    ...sections.flatMap((section) => ["", `## ${section}`, "", ...tableOf(section)]),
    "",
  ].join("\n");
}

function tableOf(section: string): string[] {
  const rows = settings.filter((setting) => setting.section === section).map(rowOf);
  return ["| variable | flag | in a program | value | default | effect |", "| - | - | - | - | - | - |", ...rows];
}

function rowOf({ name, env, flag, expected, fallback, effect, isOfCommandAlone }: Setting): string {
  const cells = [
    `\`${env}\``,
    flag === null ? "" : `\`--${flag}\``,
    isOfCommandAlone ? "" : `\`${name}\``,
    expected,
    fallback,
    effect,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

for (const [path, text] of Object.entries(pages)) {
  const file = new URL(path, root);
  const config = await resolveConfig(file);
  const page = await format(text, { ...config, parser: "markdown" });
  if (!process.argv.includes("--check")) writeFileSync(file, page);
  else if (page !== readFileSync(file, "utf8")) {
    process.stderr.write(`${path} is not what the code says: run npm run docs.\n`);
    process.exitCode = 1;
  }
}
