/**
 * The blocks of code of the manual, as files that are type-checked in strict TypeScript and can be imported.
 *
 * A block of TypeScript whose first line is a comment with a file's name is that file.
 */

import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Where the manual says that the gateway is. */
const ADDRESS = "127.0.0.1:4000";

/** By name. */
export function readSnippets(page: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = text.matchAll(/^```tsx?\n(\/\/ (\S+)\n.*?)^```$/gms);
  return new Map([...blocks].map(([_block, code = "", name = ""]) => [name, code]));
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

/**
 * Compiles files into a folder of their own below `dist/`, so that they find the packages of this repository.
 *
 * @param files - by name.
 * @returns what the compiler found wrong, and where the JavaScript of a file is. `port` stands in it for the manual's.
 */
export async function compileSnippets(
  folder: string,
  files: ReadonlyMap<string, string>,
  port = 4_000,
): Promise<{ readonly errors: string; readonly urlOf: (name: string) => string }> {
  const place = join(root, "dist/snippets", folder);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  for (const [name, code] of files) {
    writeFileSync(join(place, name), code.replaceAll(ADDRESS, `127.0.0.1:${port}`));
  }
  writeFileSync(join(place, "tsconfig.json"), JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ["*"] }));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const errors = await promisify(execFile)(process.execPath, [compiler, "-p", place]).then(
    () => "",
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => stdout + stderr,
  );
  return { errors, urlOf: (name) => pathToFileURL(join(place, name.replace(/\.tsx?$/, ".js"))).href };
}
