/**
 * Writes the pages of docs/ that follow from the code: `npm run docs`. With `--check` it writes nothing, and fails when a
 * page is not what it would write.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { isInputObjectType, type GraphQLInputObjectType } from "graphql";
import { schemaInputOf, type InputField, type InputStructure } from "../src/imm/wire/create-inputs.js";
import {
  capitalize,
  createOperationOf,
  createOperations,
  fitsInt32,
  mutationNameOf,
  taskTypes,
  toCamelCase,
  typeNameOf,
  type CreateOperation,
  type Member,
  type Shape,
  type TaskTypeFacts,
} from "../src/imm/operations/operations.js";
import { settings, type Setting } from "../src/options/options.js";
import { createSchema } from "../src/schema/build-schema.js";
import { errorsPage } from "./errors-page.js";

// Compiled to dist/scripts/.
const root = new URL("../../", import.meta.url);

const STAGES = {
  general: "",
  "public-preview": " In public preview.",
  "invitational-preview": " Only for accounts that IMM has invited.",
} as const;

const EVIDENCE = { docs: "the documentation", sdk: "the SDK", inferred: "the type of the event" } as const;

const schema = createSchema();

const pages = {
  "docs/settings.md": settingsPage(),
  "docs/errors.md": errorsPage(),
  "docs/task-types.md": taskTypesPage(),
  "docs/inputs.md": inputsPage(),
};

function taskTypesPage(): string {
  return [
    "# Task types",
    "",
    "<!-- Written by `npm run docs` from the table in src/imm/operations/. -->",
    "",
    "The task types that the gateway knows, by name. Query `taskTypes` for the same list in a program. IMM may have others: their",
    "tasks can be read and followed all the same.",
    "",
    "- **mutation** starts such a task by this **action** of IMM, the one for a RAM policy.",
    "- **takes**: whether the mutation takes `tags`, `userData` and `credentialConfig`.",
    "- **definition**: whether IMM gives the `requestDefinition` of such a task, so that `rerunTask` can start it once more.",
    "- **event**: the type of the event that EventBridge gets when the task ends.",
    "- **known from**: where IMM has the spelling of the type. One that stands in the documentation is certain. One that stands in the",
    "  SDK was seen in its code. One that was concluded from the type of the event may be spelled in another way.",
    "",
    "| task type | mutation | what it does | action | takes | definition | event | known from |",
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

/** Where inputs differ from IMM's own parameters. */
function inputsPage(): string {
  return [
    "# Inputs beside IMM's parameters",
    "",
    "<!-- Written by `npm run docs` from the table in src/imm/operations/. -->",
    "",
    "An input has IMM's parameters by their names in camelCase, but for those below: what its documents leave to the reader",
    "(units, closed choices, what must be given) is said by the schema, so that a mistake is refused before a task is started",
    "and paid for. The second column is what a parameter's own name and type would be. Besides, every OSS URI is of the scalar",
    "`OssUri` instead of `String`, and what is closed or at least needed is checked before any call. `requestDefinition` shows",
    "IMM's own spelling. The `From` of CreateFigureClustersMergingTask is not there, since `froms` says the same.",
    ...sectionsOfInputs().flatMap(([name, rows]) => [
      "",
      `## ${name}`,
      "",
      "| IMM | plain | in the schema | why |",
      "| - | - | - | - |",
      ...rows,
    ]),
    "",
  ].join("\n");
}

function sectionsOfInputs(): readonly (readonly [name: string, rows: readonly string[]])[] {
  const structures = new Map<InputStructure, string>();
  const gather = (structure: InputStructure, name: string): void => {
    if (structures.has(structure)) return;
    structures.set(structure, name);
    for (const { wireName, inner } of structure.fields) {
      if (inner !== undefined && wireName !== null) gather(inner, inputNameOf(inner));
    }
    for (const { inner } of structure.fields.filter(({ wireName }) => wireName === null)) {
      for (const field of inner?.fields ?? []) if (field.inner) gather(field.inner, inputNameOf(field.inner));
    }
  };
  for (const operation of Object.values<CreateOperation>(createOperations)) {
    gather(schemaInputOf(operation), `${capitalize(mutationNameOf(operation))}Input`);
  }
  const sections = [...structures].map(([structure, name]) => [name, rowsOfInput(structure, name)] as const);
  return sections.filter(([, rows]) => rows.length > 0);
}

function rowsOfInput(structure: InputStructure, typeName: string): readonly string[] {
  return [...structure.ways].flatMap(([wireName, way]) => {
    const field = way.at(-1);
    const group = way.length > 1 ? way[0] : undefined;
    if (field === undefined) return [];
    const whys = whysOf(field, group);
    if (whys.length === 0) return [];
    const type = inputType(group?.inner ? inputNameOf(group.inner) : typeName).getFields()[field.name]?.type;
    const now = `${way.map(({ name }) => name).join(".")}: ${String(type)}`;
    const plain = `${toCamelCase(wireName)}: ${plainTypeOf(field.member)}`;
    return [`| \`${wireName}\` | \`${plain}\` | \`${now}\` | ${whys.join("; ")} |`];
  });
}

function inputNameOf(structure: InputStructure): string {
  return `${typeNameOf(structure)}Input`;
}

function inputType(name: string): GraphQLInputObjectType {
  const type = schema.getType(name);
  if (!isInputObjectType(type)) throw new Error(`The schema has no input ${name}.`);
  return type;
}

function whysOf({ name, wireName, member, form }: InputField, group: InputField | undefined): readonly string[] {
  const isRenamed = name !== toCamelCase(wireName ?? "");
  return [
    ...(group === undefined ? [] : [`grouped in \`${group.name}\``]),
    ...(isRenamed ? [whyRenamed(name)] : []),
    ...(form === undefined ? [] : [whyForm(form)]),
    ...(member.needed ? ["nothing sensible is asked for without it"] : []),
    ...(member.closed ? [`one of ${member.values?.join(", ")}`] : []),
    ...(member.atLeast === undefined ? [] : [`at least ${member.atLeast}`]),
  ];
}

function whyRenamed(name: string): string {
  return /(Seconds|Pixels|Bps|Hz|Degrees|Bits|Frames|PerSecond|Percent|Frame)$/.test(name)
    ? "the name says the unit"
    : "a plainer name";
}

function whyForm(form: NonNullable<InputField["form"]>): string {
  switch (form) {
    case "instant":
      return "an instant, checked";
    case "length":
      return "pixels or a ratio, one of the two";
    case "switch":
      return "yes or no";
    default:
      return `a closed choice: ${Object.entries(form.words)
        .map(([word, { wire }]) => `\`${word}\` is IMM's \`${wire}\``)
        .join(", ")}`;
  }
}

function plainTypeOf(member: Member): string {
  return `${plainTypeOfShape(member)}${member.required ? "!" : ""}`;
}

function plainTypeOfShape(shape: Shape): string {
  const { type, items } = shape;
  const names = { string: "String", boolean: "Boolean", integer: "Int", number: "Float", map: "JSONObject" } as const;
  if (type === "array") return `[${items === undefined ? "" : plainTypeOfShape(items)}!]`;
  if (type === "integer" && !fitsInt32(shape)) return "Long";
  return type === "object" ? "…Input" : names[type];
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
