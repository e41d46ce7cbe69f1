/**
 * The fenced blocks of the manual: what tests run of it.
 *
 * A block of TypeScript whose first line is a comment with a file's name is that file: it is type-checked in strict
 * TypeScript and can be imported.
 */

import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

export const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Where the manual says that the gateway is. */
export const ADDRESS = "127.0.0.1:4000";

/** Every page of the manual, by its path from the root. */
export const pages: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export function readPage(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** A fenced block. */
export interface Block {
  readonly page: string;
  /** Empty where none is named. */
  readonly language: string;
  /** Ends with a line break. */
  readonly text: string;
}

/** The blocks of a page, in order. */
export function readBlocks(page: string): readonly Block[] {
  const blocks = readPage(page).matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...blocks].map(([, language = "", text = ""]) => ({ page, language, text }));
}

/** The name of the file that a block is, or null. */
export function fileNameOf({ language, text }: Block): string | null {
  return /^tsx?$/.test(language) ? (/^\/\/ (\S+)\n/.exec(text)?.[1] ?? null) : null;
}

/** The files of a page, by name. */
export function readSnippets(page: string): ReadonlyMap<string, string> {
  const files = readBlocks(page).map((block) => [fileNameOf(block), block.text] as const);
  return new Map(files.flatMap(([name, code]) => (name === null ? [] : [[name, code] as const])));
}

/** Options that a careful app has; what is not here is a matter of its bundler. */
const COMPILER_OPTIONS = {
  target: "ES2023",
  lib: ["ES2023", "DOM", "DOM.Iterable"],
  module: "ESNext",
  moduleResolution: "bundler",
  jsx: "react-jsx",
  types: [],
  strict: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
};

/** Where a file that was placed is, for `import`. */
type UrlOf = (name: string) => string;

/** Writes files, by name, into a folder of their own below `dist/`: there they find the packages of this repository, itself among them. */
export function placeFiles(folder: string, files: ReadonlyMap<string, string>): UrlOf {
  const place = placeOf(folder);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  for (const [name, code] of files) writeFileSync(join(place, name), code);
  return (name) => pathToFileURL(join(place, name)).href;
}

function placeOf(folder: string): string {
  return join(root, "dist/snippets", folder);
}

/**
 * Compiles files in a folder of their own.
 *
 * @param files - by name.
 * @param types - packages with global types.
 * @returns what the compiler found wrong, and the JavaScript, by the name that `import` has for a file: `socket.js`.
 */
export async function compileSnippets(
  folder: string,
  files: ReadonlyMap<string, string>,
  types: readonly string[] = [],
): Promise<{ readonly errors: string; readonly compiled: ReadonlyMap<string, string> }> {
  const compilerOptions = { ...COMPILER_OPTIONS, types };
  const settings = JSON.stringify({ compilerOptions, include: ["*"] });
  placeFiles(folder, new Map(files).set("tsconfig.json", settings));
  const place = placeOf(folder);
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const errors = await promisify(execFile)(process.execPath, [compiler, "-p", place]).then(
    () => "",
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => stdout + stderr,
  );
  const written = readdirSync(place).filter((name) => name.endsWith(".js"));
  return { errors, compiled: new Map(written.map((name) => [name, readFileSync(join(place, name), "utf8")])) };
}
