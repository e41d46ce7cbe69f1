import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { describe, expect, it } from "@jest/globals";
import { parseSync } from "oxc-parser";

// What a user of the library can name: read from the declarations that the package holds, as the compiler wrote them.

interface Node {
  readonly type: string;
  readonly [member: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

function nameOf(node: unknown): string {
  const name = isNode(node) ? (node["name"] ?? node["value"]) : undefined;
  return typeof name === "string" ? name : "";
}

/** A name that a declaration uses, and where it comes from. */
interface Use {
  readonly name: string;
  /** A package, or a file beside `index.d.ts`. */
  readonly source: string;
}

/** Declaration files by their paths from the folder of `index.d.ts`. */
type ReadDeclarations = (path: string) => string;

/** The names that the exports of `index.d.ts` use without exporting them, as `file: name`. */
function missingExports(read: ReadDeclarations): readonly string[] {
  const files = new Map<string, Declarations>();
  const readFile = (path: string): Declarations => {
    const known = files.get(path) ?? readDeclarations(path, read(path));
    files.set(path, known);
    return known;
  };
  /** Where a name is declared, behind files that hand it on. */
  const originOf = (use: Use): string => {
    const { name, source } = use;
    const next = source.endsWith(".d.ts") ? readFile(source).handedOn.get(name) : undefined;
    return next === undefined ? `${source}: ${name}` : originOf(next);
  };
  const exported = new Set([...readFile("index.d.ts").handedOn.values()].map(originOf));
  const missing = [...exported].flatMap((origin) => {
    const [path = "", name = ""] = origin.split(": ");
    const { declared, imported } = readFile(path);
    return [...(declared.get(name) ?? [])].flatMap((used) => {
      const use = imported.get(used) ?? (declared.has(used) ? { name: used, source: path } : undefined);
      // What is neither imported nor declared is the language's.
      return use === undefined ? [] : [originOf(use)];
    });
  });
  return [...new Set(missing)].filter((origin) => !exported.has(origin)).toSorted();
}

/** What a declaration file has at its top level. */
interface Declarations {
  /** The names that each declaration uses. */
  readonly declared: ReadonlyMap<string, ReadonlySet<string>>;
  readonly imported: ReadonlyMap<string, Use>;
  /** What it exports of other files. */
  readonly handedOn: ReadonlyMap<string, Use>;
}

function readDeclarations(path: string, text: string): Declarations {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const declared = new Map<string, ReadonlySet<string>>();
  const imported = new Map<string, Use>();
  const handedOn = new Map<string, Use>();
  for (const statement of (program as unknown as { readonly body: readonly Node[] }).body) {
    const source = nameOf(statement["source"]);
    const from = source.startsWith(".") ? join(dirname(path), source).replace(/\.js$/, ".d.ts") : source;
    for (const specifier of (statement["specifiers"] ?? []) as readonly Node[]) {
      const local = nameOf(specifier["local"]);
      if (statement.type === "ImportDeclaration") {
        imported.set(local, { name: nameOf(specifier["imported"] ?? specifier["local"]), source: from });
      } else if (source !== "") handedOn.set(nameOf(specifier["exported"]), { name: local, source: from });
    }
    const declaration = isNode(statement["declaration"]) ? statement["declaration"] : statement;
    for (const node of (declaration["declarations"] ?? [declaration]) as readonly Node[]) {
      const name = nameOf(node["id"]);
      if (name !== "") declared.set(name, new Set([...(declared.get(name) ?? []), ...namesIn(node)]));
    }
  }
  return { declared, imported, handedOn };
}

/** What is computed of other types is a type by itself, which needs no name of theirs. */
const COMPUTED: ReadonlySet<string> = new Set(["TSTypeQuery", "TSMappedType", "TSTypeOperator", "TSIndexedAccessType"]);

/** The names of the types that a declaration is written in, and of the classes that it extends. */
function namesIn(node: Node): readonly string[] {
  if (COMPUTED.has(node.type) && node["operator"] !== "readonly") return [];
  const isHeritage = node.type === "TSInterfaceHeritage" || node.type === "TSClassImplements";
  const name = nameOf(node["typeName"] ?? node["superClass"] ?? (isHeritage ? node["expression"] : undefined));
  return [name, ...Object.values(node).flat().filter(isNode).flatMap(namesIn)];
}

/** A library of these files, which are declarations. */
function missingIn(files: Readonly<Record<string, string>>): readonly string[] {
  return missingExports((path) => files[path] ?? "");
}

describe("the names of the library", () => {
  it("are all that its own types are written in, and none is of graphql-js", () => {
    const root = new URL("../src/", import.meta.url);
    expect(missingExports((path) => readFileSync(new URL(path, root), "utf8"))).toEqual([]);
  });
});

describe("the checker", () => {
  it("finds nothing where every name is exported, computed, or the language's", () => {
    const a = `import type { B } from "./b.js"; declare const rows: { c: C }; interface C {}
      export interface A extends Pick<B, "b"> { all: readonly B[]; rest: Promise<keyof typeof rows> }`;
    const index = 'export { type A, B as Other } from "./a.js"; export type { B } from "./b.js";';
    expect(
      missingIn({ "index.d.ts": index, "a.d.ts": `${a} export { B } from "./b.js";`, "b.d.ts": "export class B {}" }),
    ).toEqual([]);
  });

  it.each([
    ["export declare const a: readonly Hidden[];", "a.d.ts: Hidden"],
    ["export declare function a(b?: Hidden): void;", "a.d.ts: Hidden"],
    ["export type a = string | Promise<Hidden>;", "a.d.ts: Hidden"],
    ["export interface a extends Hidden {}", "a.d.ts: Hidden"],
    ["export declare class a extends Hidden {}", "a.d.ts: Hidden"],
    ["export declare class a implements Hidden {}", "a.d.ts: Hidden"],
    ["export declare class a { b(c: { d: Hidden }): void }", "a.d.ts: Hidden"],
    ['import { B } from "./b.js"; export type a = { b: B };', "b.d.ts: B"],
    ['import type { B as C } from "./b.js"; export type a = C[];', "b.d.ts: B"],
    [
      'import type { GraphQLSchema } from "graphql"; export declare function a(): GraphQLSchema;',
      "graphql: GraphQLSchema",
    ],
  ])("sees what is used and cannot be named: %s", (text, missing) => {
    const files = { "index.d.ts": 'export { a } from "./a.js";', "b.d.ts": "export type B = 1;" };
    expect(missingIn({ ...files, "a.d.ts": `${text} interface Hidden {}` })).toEqual([missing]);
  });
});
