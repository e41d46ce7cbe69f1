/**
 * Writes the pages of docs/ that follow from the code: `npm run docs`. With `--check` it writes nothing, and fails when a
 * page is not what it would write.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { settings, type Setting } from "../src/options/options.js";

// Compiled to dist/scripts/.
const root = new URL("../../", import.meta.url);

const pages = { "docs/settings.md": settingsPage() };

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
