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

/** What compiling needs besides files. */
export interface CompileOptions {
  /** Stands for the manual's. */
  readonly port?: number;
  /** Packages with global types. */
  readonly types?: readonly string[];
}

/**
 * Compiles files into a folder of their own below `dist/`, so that they find the packages of this repository, itself
 * among them.
 *
 * @param files - by name.
 * @returns what the compiler found wrong, and where the JavaScript of a file is.
 */
export async function compileSnippets(
  folder: string,
  files: ReadonlyMap<string, string>,
  { port = 4_000, types = [] }: CompileOptions = {},
): Promise<{ readonly errors: string; readonly urlOf: (name: string) => string }> {
  const place = join(root, "dist/snippets", folder);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  for (const [name, code] of files) {
    writeFileSync(join(place, name), code.replaceAll(ADDRESS, `127.0.0.1:${port}`));
  }
  const compilerOptions = { ...COMPILER_OPTIONS, types };
  writeFileSync(join(place, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*"] }));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const errors = await promisify(execFile)(process.execPath, [compiler, "-p", place]).then(
    () => "",
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => stdout + stderr,
  );
  return { errors, urlOf: (name) => pathToFileURL(join(place, name.replace(/\.tsx?$/, ".js"))).href };
}
