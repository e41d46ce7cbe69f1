import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { describe, expect, it } from "@jest/globals";
import { parseSync } from "oxc-parser";

// The rules of the house, as CONTRIBUTING describes them. Paths are relative to src/, without a leading dot.

/** Who may import whom: a file imports its own rank and those to the left of it. */
const ranks: readonly (readonly string[])[] = [
  [
    "errors.ts",
    "clock.ts",
    "log.ts",
    "observe.ts",
    "json.ts",
    "sha256.ts",
    "mailbox.ts",
    "interest.ts",
    "token-bucket.ts",
    "token-buckets.ts",
    "options/",
  ],
  ["imm/operations/"],
  ["imm/imm-client.ts"],
  ["imm/wire/"],
  ["imm/policy/"],
  ["imm/"],
  ["access/principal.ts", "access/access.ts"],
  ["access/grants/"],
  ["access/*", "access/config/"],
  ["access/authenticators/"],
  [
    "tasks/task.ts",
    "tasks/task-id.ts",
    "tasks/instant.ts",
    "tasks/snapshot.ts",
    "tasks/single-flight.ts",
    "tasks/call-tally.ts",
  ],
  ["tasks/definition/"],
  ["tasks/list/"],
  ["tasks/read/"],
  ["tasks/create/", "tasks/watch/"],
  ["tasks/"],
  ["adapters/"],
  ["schema/context.ts", "schema/arguments.ts", "schema/scalars.ts", "schema/length.input.ts", "schema/table-types.ts"],
  ["schema/task/"],
  ["schema/list/", "schema/catalogue/", "schema/create/", "schema/viewer/"],
  ["schema/follow/"],
  ["schema/sdl/"],
  ["schema/"],
  ["server/limits/"],
  ["server/subscription/"],
  ["server/operation/documents/"],
  ["server/operation/"],
  ["server/transports/*"],
  ["server/transports/streams/", "server/transports/websocket/"],
  ["server/transports/http/"],
  ["server/"],
  ["commands/follow/"],
  ["commands/terminal/"],
  ["index.ts", "commands/"],
  ["cli.ts"],
];

/** The emulator stands beside the ranks: what it may import, and who may import it. */
const emulator = {
  folder: "emulator/",
  imports: ["errors.ts", "clock.ts", "json.ts", "imm/operations/operations.ts", "emulator/"],
  packages: /^(node:|pure-rand(\/|$))/,
  importers: ["commands/", "index.ts", "emulator/"],
};

/** Packages that only some files may import: the first pattern that matches decides. */
const fences: readonly (readonly [packages: RegExp, allowed: readonly string[]])[] = [
  [/^@alicloud\//, ["imm/wire/openapi-client.ts"]],
  [/^dataloader$/, ["tasks/read/task-loader.ts"]],
  [/^graphql-jit$/, ["server/operation/compiled-queries.ts"]],
  [/^lru-cache$/, ["access/", "tasks/", "server/"]],
  [/^type-graphql$/, ["schema/"]],
  [/^(graphql-ws|ws)(\/|$)/, ["server/", "commands/follow/gateway-source.ts"]],
  [/^(log-update|cli-truncate|string-width|picocolors)$/, ["commands/terminal/"]],
  [/^(@fastify\/|@as-integrations\/|(@apollo\/server|fastify|graphql-sse)(\/|$))/, ["server/"]],
  [/^lossless-json$/, ["json.ts"]],
  [/^fastest-levenshtein$/, ["imm/wire/endpoints.ts", "tasks/read/task-type-hint.ts", "commands/doctor/"]],
  [/^commander$/, ["commands/program.ts"]],
  [/^pino$/, ["commands/"]],
  [/^(valibot|zod)$/, ["options/", "access/config/"]],
  [/^jose$/, ["access/authenticators/"]],
  [/^yaml$/, ["access/config/access-file.ts"]],
  [/^ioredis$/, ["adapters/redis/"]],
  [/^(prom-client|@opentelemetry\/.*)$/, ["adapters/"]],
  [/^pure-rand(\/|$)/, ["emulator/"]],
  [/^(node:)?timers(\/|$)/, ["clock.ts"]],
  [/^(node:)?process$/, []],
];

/** What one file alone may import: what a principal may do is asked by the facade. */
const onlyImporter: Readonly<Record<string, string>> = {
  "access/access-policy.ts": "tasks/tasks.ts",
  "adapters/prometheus.ts": "server/gateway-observation.ts",
  "adapters/opentelemetry.ts": "server/gateway-observation.ts",
  "adapters/redis/redis.ts": "server/gateway-sharing.ts",
};

/** What the platform gives to everybody, and who may take it. */
const platform: Readonly<Record<string, readonly string[]>> = {
  setTimeout: ["clock.ts"],
  setInterval: ["clock.ts"],
  setImmediate: ["clock.ts"],
  "Date.now": ["clock.ts"],
  "performance.now": ["clock.ts"],
  "Math.random": ["clock.ts"],
  "new Date()": ["clock.ts"],
  process: ["cli.ts"],
};

/** Who may read the wall clock, which may be set: what is shown or sent. An age or a plan is counted in ticks. */
const mayReadWallClock = [
  "clock.ts",
  "emulator/",
  "access/",
  "tasks/create/task-starter.ts",
  "adapters/redis/examine.ts",
  "commands/doctor/",
];

/** A module name that only the run time knows gets around every other rule. */
const mayImportByVariable = ["imm/wire/openapi-client.ts"];

const MAX_LINES = 400;

/** A node of the syntax tree, as far as the rules look. */
interface Node {
  readonly type: string;
  readonly [member: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

/** What one file does that a rule may forbid. */
interface FileFacts {
  readonly imports: readonly string[];
  readonly importsByVariable: boolean;
  readonly exportsStar: boolean;
  readonly platform: readonly string[];
  readonly readsWallClock: boolean;
}

function readFile(path: string, text: string): FileFacts {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const facts = {
    imports: [] as string[],
    importsByVariable: false,
    exportsStar: false,
    platform: [] as string[],
    readsWallClock: false,
  };
  visit(program as unknown as Node, (node) => {
    switch (node.type) {
      case "ImportDeclaration":
      case "ExportNamedDeclaration":
      case "ExportAllDeclaration":
      case "ImportExpression":
      case "TSImportType":
      case "TSExternalModuleReference": {
        const source = node["source"] ?? node["argument"] ?? node["expression"];
        if (node.type === "ExportAllDeclaration") facts.exportsStar = true;
        const name = isNode(source) ? literalText(source) : null;
        if (name !== null) facts.imports.push(name);
        else if (node.type === "ImportExpression") facts.importsByVariable = true;
        return;
      }
      default: {
        const used = platformUse(node);
        if (used !== null) facts.platform.push(used);
        else if (node.type === "MemberExpression" && nameOf(node["property"]) === "now") facts.readsWallClock = true;
      }
    }
  });
  return facts;
}

function literalText(node: Node): string | null {
  if (node.type === "TSLiteralType" && isNode(node["literal"])) return literalText(node["literal"]);
  return node.type === "Literal" && typeof node["value"] === "string" ? node["value"] : null;
}

/** Calls `enter` for every node but those that are mere names: of a member, a property, a label, or another module's. */
function visit(node: Node, enter: (node: Node) => void): void {
  enter(node);
  for (const [member, child] of Object.entries(node)) {
    if (isMereName(node, member)) continue;
    for (const item of Array.isArray(child) ? (child as readonly unknown[]) : [child])
      if (isNode(item)) visit(item, enter);
  }
}

function isMereName(node: Node, member: string): boolean {
  if (node["computed"] === true) return false;
  return (
    (member === "property" && node.type === "MemberExpression") ||
    member === "key" ||
    member === "label" ||
    (member === "imported" && node.type === "ImportSpecifier") ||
    (member === "exported" && node.type === "ExportSpecifier")
  );
}

/** The name under which `platform` lists what this node takes from the platform, or null. */
function platformUse(node: Node): string | null {
  if (node.type === "Identifier") return onlyListed(String(node["name"]));
  if (node.type === "NewExpression" && nameOf(node["callee"]) === "Date") {
    return (node["arguments"] as readonly unknown[]).length === 0 ? "new Date()" : null;
  }
  if (node.type === "CallExpression" && nameOf(node["callee"]) === "Date") return "new Date()";
  if (node.type !== "MemberExpression") return null;
  const object = nameOf(node["object"]);
  const member = node["computed"] === true ? literalText(node["property"] as Node) : nameOf(node["property"]);
  const isGlobal = object === "globalThis" || object === "global";
  return onlyListed(isGlobal ? String(member) : `${object}.${member}`);
}

function nameOf(node: unknown): string | null {
  return isNode(node) && node.type === "Identifier" ? String(node["name"]) : null;
}

function onlyListed(name: string): string | null {
  return Object.hasOwn(platform, name) ? name : null;
}

/** Whether a path is one of the files, lies in one of the folders, or, for `folder/*`, is a file of the folder itself. */
function isAmong(path: string, places: readonly string[]): boolean {
  return places.some(
    (place) =>
      path === place ||
      (place.endsWith("/") && path.startsWith(place)) ||
      (place.endsWith("/*") && dirname(path) === dirname(place)),
  );
}

/** What breaks the rules of the house, one sentence each. */
function violations(files: ReadonlyMap<string, string>): string[] {
  const all = [...files].map(([path, text]) => ({ path, text, facts: readFile(path, text) }));
  const graph = new Map(all.map(({ path, facts }) => [path, localImports(path, facts)]));
  return [
    ...all.flatMap(({ path, text, facts }) => [...formOf(path, text), ...usesOf(path, facts)]),
    ...[...graph].flatMap(([path, targets]) => targets.flatMap((target) => directionOf(path, target, graph))),
    ...cyclesOf(graph),
  ];
}

function localImports(path: string, { imports }: FileFacts): string[] {
  const local = imports.filter((name) => name.startsWith("."));
  return local.map((name) => join(dirname(path), name).replace(/\.js$/, ".ts"));
}

function formOf(path: string, text: string): string[] {
  const lines = text.trimEnd().split("\n").length;
  const head = text.replace(/^#!.*\n/, "");
  return [
    ...(head.startsWith("/**") ? [] : [`${path} does not begin with a head comment`]),
    ...(rankOf(path) === -1 && !isAmong(path, [emulator.folder]) ? [`${path} has no rank`] : []),
    ...(lines > MAX_LINES ? [`${path} has ${lines} lines`] : []),
  ];
}

function usesOf(path: string, facts: FileFacts): string[] {
  const { imports, importsByVariable, exportsStar, platform: used, readsWallClock } = facts;
  const packages = imports.filter((name) => !name.startsWith("."));
  const fenced = packages.filter((name) => {
    const fence = fences.find(([pattern]) => pattern.test(name));
    const isForeign = isAmong(path, [emulator.folder]) && !emulator.packages.test(name);
    return isForeign || (fence !== undefined && !isAmong(path, fence[1]));
  });
  return [
    ...fenced.map((name) => `${path} imports ${name}`),
    ...used.filter((name) => !isAmong(path, platform[name] ?? [])).map((name) => `${path} uses ${name}`),
    ...(readsWallClock && !isAmong(path, mayReadWallClock) ? [`${path} reads the wall clock`] : []),
    ...(importsByVariable && !isAmong(path, mayImportByVariable) ? [`${path} imports by a variable`] : []),
    ...(exportsStar ? [`${path} exports *`] : []),
  ];
}

function rankOf(path: string): number {
  return ranks.findIndex((places) => isAmong(path, places));
}

/** Folders of one rank stand beside each other: neither imports the other. */
function areNeighbours(path: string, target: string): boolean {
  const folderOf = (file: string): string | undefined =>
    ranks[rankOf(file)]?.find((place) => place.endsWith("/") && file.startsWith(place));
  const folders = [folderOf(path), folderOf(target)];
  return rankOf(path) === rankOf(target) && !folders.includes(undefined) && folders[0] !== folders[1];
}

function directionOf(path: string, target: string, graph: ReadonlyMap<string, unknown>): string[] {
  const complaint = [`${path} imports ${target}`];
  if (!graph.has(target)) return [`${path} imports ${target}, which does not exist`];
  if (isAmong(path, [emulator.folder])) return isAmong(target, emulator.imports) ? [] : complaint;
  if (isAmong(target, [emulator.folder])) return isAmong(path, emulator.importers) ? [] : complaint;
  if ((onlyImporter[target] ?? path) !== path) return complaint;
  return rankOf(target) <= rankOf(path) && !areNeighbours(path, target) ? [] : complaint;
}

/** One sentence for each import that closes a circle; imports of types count. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      found.push(`${[...trail.slice(trail.indexOf(path)), path].join(" -> ")} is a cycle`);
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return found;
}

/** The violations of a house that has these files, each with a head comment, besides the real leaves. */
function violationsOf(files: Readonly<Record<string, string>>): string[] {
  const leaves = { "errors.ts": "", "clock.ts": "", "log.ts": "", "imm/operations/operations.ts": "" };
  const texts = Object.entries({ ...leaves, ...files });
  return violations(new Map(texts.map(([path, text]) => [path, `/** Head. */\n${text}`])));
}

describe("the source", () => {
  // The test runs from dist/test/; the sources are two folders up.
  const root = new URL("../../src/", import.meta.url);
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  const files = new Map(paths.map((path) => [path, readFileSync(new URL(path, root), "utf8")]));

  it("keeps the rules of the house", () => {
    expect(violations(files)).toEqual([]);
  });

  it("has been read: every place that a rule names is there", () => {
    const places = [
      ...ranks.flat(),
      ...Object.entries(onlyImporter).flat(),
      ...fences.flatMap(([, allowed]) => allowed),
      ...emulator.imports,
    ];
    for (const place of places) expect(paths.filter((path) => isAmong(path, [place]))).not.toEqual([]);
  });
});

describe("the checker", () => {
  it("finds nothing in a house that keeps the rules", () => {
    const good = {
      "imm/client.ts":
        'import { a } from "../errors.js"; import type { B } from "./operations/operations.js"; new Date(0);',
      "tasks/task.ts": 'import { c } from "../imm/client.js"; import { LRUCache } from "lru-cache";',
      "schema/task.type.ts":
        'import { Field } from "type-graphql"; const o = { process: 1, setTimeout() {} }; o.process;',
      "server/gateway.ts": 'import fastify from "fastify"; import ws from "graphql-ws/use/ws"; import "@fastify/cors";',
      "emulator/emulator.ts":
        'import "node:http"; import "pure-rand/generator/x"; import "../imm/operations/operations.js";',
      "cli.ts": 'import "./commands/log.js"; process.exit(0);',
      "commands/program.ts": 'import { Command } from "commander";',
      "commands/log.ts": 'import { pino } from "pino"; import { a } from "../emulator/emulator.js";',
      "clock.ts": "export const now = () => Date.now() + Math.random(); setTimeout(now, 1); new Date();",
    };
    expect(violationsOf(good)).toEqual([]);
  });

  it.each([
    ["imm/a.ts", 'import { a } from "../tasks/b.js";'],
    ["imm/wire/c.ts", 'import { a } from "../policy/b.js";'],
    ["tasks/watch/c.ts", 'import { a } from "../create/b.js";'],
    ["tasks/b.ts", 'import type { a } from "../schema/b.js";'],
    ["access/b.ts", 'import type { a } from "../tasks/b.js";'],
    ["schema/c.ts", 'import { a } from "../access/access-policy.js";'],
    ["schema/b.ts", 'export { a } from "../server/b.js";'],
    ["server/b.ts", 'export type { a } from "../commands/a.js";'],
    ["errors.ts", 'type A = import("./imm/a.js").A;'],
    ["clock.ts", 'await import("./imm/a.js");'],
    ["emulator/a.ts", 'import { a } from "../imm/a.js";'],
    ["emulator/a.ts", 'import { a } from "../log.js";'],
    ["server/b.ts", 'import { a } from "../emulator/a.js";'],
    ["imm/a.ts", 'import type { a } from "../emulator/a.js";'],
  ])("sees that %s may not say %s", (path, text) => {
    const others = { "imm/a.ts": "", "tasks/b.ts": "", "schema/b.ts": "", "server/b.ts": "", "commands/a.ts": "" };
    const rooms = { "access/access-policy.ts": "", "imm/policy/b.ts": "", "tasks/create/b.ts": "" };
    const found = violationsOf({ ...others, ...rooms, "emulator/a.ts": "", [path]: text });
    expect(found).toEqual([expect.stringMatching(new RegExp(`^${path} imports \\w+[/.]`))]);
  });

  it.each([
    ["tasks/task.ts", "@alicloud/openapi-core"],
    ["imm/wire.ts", "@alicloud/credentials"],
    ["tasks/task-reader.ts", "dataloader"],
    ["imm/wire.ts", "lru-cache"],
    ["server/gateway.ts", "type-graphql"],
    ["schema/a.ts", "@apollo/server"],
    ["schema/a.ts", "@apollo/server/plugin/disabled"],
    ["cli.ts", "commander"],
    ["cli.ts", "fastify"],
    ["cli.ts", "@fastify/cors"],
    ["schema/a.ts", "@as-integrations/fastify"],
    ["schema/a.ts", "graphql-ws"],
    ["schema/a.ts", "graphql-ws/use/ws"],
    ["schema/a.ts", "graphql-sse"],
    ["schema/a.ts", "graphql-sse/lib/use/fastify"],
    ["tasks/a.ts", "ws"],
    ["commands/a.ts", "commander"],
    ["commands/a.ts", "graphql-ws/client"],
    ["commands/a.ts", "log-update"],
    ["server/gateway.ts", "zod"],
    ["server/gateway.ts", "valibot"],
    ["server/gateway.ts", "pino"],
    ["tasks/a.ts", "pure-rand"],
    ["emulator/a.ts", "fastify"],
    ["emulator/a.ts", "graphql"],
    ["tasks/a.ts", "node:timers/promises"],
    ["cli.ts", "node:process"],
    ["cli.ts", "process"],
  ])("sees that %s may not import %s", (path, name) => {
    expect(violationsOf({ [path]: `import x from "${name}";` })).toEqual([`${path} imports ${name}`]);
    expect(violationsOf({ [path]: `import type { X } from "${name}";` })).toEqual([`${path} imports ${name}`]);
    expect(violationsOf({ [path]: `type X = import("${name}").X;` })).toEqual([`${path} imports ${name}`]);
  });

  it("lets a package pass whose name only begins like a fenced one", () => {
    expect(violationsOf({ "tasks/a.ts": 'import "wsx"; import "zod-like"; import "fastify-like";' })).toEqual([]);
  });

  it.each([
    ["setTimeout(f, 1);", "setTimeout"],
    ["globalThis.setTimeout(f, 1);", "setTimeout"],
    ["const later = setInterval;", "setInterval"],
    ["const o = { setImmediate };", "setImmediate"],
    ["Date.now();", "Date.now"],
    ['Date["now"]();', "Date.now"],
    ["[1].map(Math.random);", "Math.random"],
    ["new Date();", "new Date()"],
    ["Date();", "new Date()"],
    ["process.env.PORT;", "process"],
    ["globalThis.process.exit();", "process"],
    ["const { env } = process;", "process"],
  ])("sees the platform in %s", (text, name) => {
    expect(violationsOf({ "tasks/a.ts": text })).toEqual([`tasks/a.ts uses ${name}`]);
  });

  it("sees who reads the wall clock", () => {
    const text = "const age = clock.now() - before; this.#clock.tick();";
    expect(violationsOf({ "tasks/a.ts": text, "tasks/create/task-starter.ts": text })).toEqual([
      "tasks/a.ts reads the wall clock",
    ]);
  });

  it("sees cycles, those of types among them", () => {
    const found = violationsOf({
      "imm/a.ts": 'import type { B } from "./b.js";',
      "imm/b.ts": 'import type { C } from "./c.js";',
      "imm/c.ts": 'import type { A } from "./a.js";',
      "tasks/self.ts": 'import { self } from "./self.js";',
    });
    expect(found).toEqual([
      "imm/a.ts -> imm/b.ts -> imm/c.ts -> imm/a.ts is a cycle",
      "tasks/self.ts -> tasks/self.ts is a cycle",
    ]);
  });

  it("sees what a file looks like", () => {
    expect(violations(new Map([["imm/a.ts", "export const a = 1;"]]))).toEqual([
      "imm/a.ts does not begin with a head comment",
    ]);
    expect(violations(new Map([["cli.ts", "#!/usr/bin/env node\n/** Head. */"]]))).toEqual([]);
    expect(violations(new Map([["imm/a.ts", `/** Head. */${"\n//".repeat(400)}`]]))).toEqual([
      "imm/a.ts has 401 lines",
    ]);
    expect(violations(new Map([["imm/a.ts", `/** Head. */${"\n//".repeat(399)}\n`]]))).toEqual([]);
  });

  it("sees what hides from the other rules", () => {
    expect(violationsOf({ "imm/a.ts": 'export * from "./operations/operations.js";' })).toEqual(["imm/a.ts exports *"]);
    expect(violationsOf({ "imm/a.ts": 'export * as o from "./operations/operations.js";' })).toEqual([
      "imm/a.ts exports *",
    ]);
    expect(violationsOf({ "imm/a.ts": "await import(name);" })).toEqual(["imm/a.ts imports by a variable"]);
    expect(violationsOf({ "other.ts": "" })).toEqual(["other.ts has no rank"]);
    expect(violationsOf({ "imm/a.ts": 'import "./gone.js";' })).toEqual([
      "imm/a.ts imports imm/gone.ts, which does not exist",
    ]);
  });
});
