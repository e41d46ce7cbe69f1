/**
 * Makes the command a few files in `dist/command/` of the thousand that it would read at its start, and puts beside them the
 * licences of the packages that are in them: `npm run build` runs it. The library stays plain modules.
 */

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown, type Plugin } from "rolldown";

// Compiled to dist/scripts/.
const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = join(root, "dist/src/");
const folder = join(root, "dist/command");
const LICENCES = "THIRD-PARTY-LICENSES.txt";

/** What allows to be passed on with its notice beside it. A package under another licence needs a reader's eyes first. */
const FREE_LICENCES =
  /^\(?(0BSD|Apache-2\.0|Apache License 2\.0|BlueOak-1\.0\.0|BSD-[23]-Clause|ISC|MIT|\(?MIT AND [\w.-]+\)?)\)?$/;

/** What stands beside a module is found from the module's own place, which is in the package too. */
const ownPlaces: Plugin = {
  name: "own-places",
  transform: {
    filter: { id: /[\\/]dist[\\/]src[\\/]/, code: "import.meta.url" },
    handler(code, id) {
      const path = JSON.stringify(relative(folder, id).replaceAll("\\", "/"));
      return { code: code.replaceAll("import.meta.url", `new URL(${path}, import.meta.url)`), map: null };
    },
  },
};

/**
 * graphql-js has each module twice, for `import` and for `require`, and its classes only know their own. Node gives all the
 * second; here all get the first, whose names are bound at once, while those of the other are copied for each file that imports any.
 */
const oneGraphql: Plugin = {
  name: "one-graphql",
  resolveId: {
    filter: { id: /^graphql(\/|$)/ },
    async handler(name, importer) {
      const resolved = await this.resolve(name, importer, { skipSelf: true });
      return resolved === null ? null : { id: resolved.id.replace(/\.js$/, ".mjs") };
    },
  },
};

/** The folder of the package that a module is of; null for a module of ours. */
function packageOf(moduleId: string): string | null {
  return /^\0?(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)/.exec(moduleId)?.[1] ?? null;
}

/** What a package says of itself. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string | { readonly name: string };
  readonly repository?: string | { readonly url: string };
}

/** What a package asks to go with it. */
function noticeOf(path: string): string {
  const { name, version, license, author, repository } = JSON.parse(
    readFileSync(join(path, "package.json"), "utf8"),
  ) as Manifest;
  if (license === undefined || !FREE_LICENCES.test(license)) {
    throw new Error(`${name} would be in the command, under the licence ${license}: read it first.`);
  }
  const files = readdirSync(path).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  const texts = files.map((file) => readFileSync(join(path, file), "utf8").trim());
  if (texts.length === 0) {
    const [by, from] = [
      typeof author === "object" ? author.name : author,
      typeof repository === "object" ? repository.url : repository,
    ];
    texts.push(`By ${by ?? "its contributors"}, ${from ?? ""}. The package has no text of its licence.`);
  }
  return [`${name} ${version}, ${license}`, ...texts].join("\n\n");
}

const bundle = await rolldown({
  input: { "imm-graphql": join(sources, "cli.js") },
  platform: "node",
  // The first is there for validation by decorators, which the schema does not use; the others are installed for traces alone.
  external: ["class-validator", "ioredis", /^@opentelemetry\/(?!api$)/],
  plugins: [ownPlaces, oneGraphql],
});
const { output } = await bundle.write({
  dir: folder,
  chunkFileNames: "[name].js",
  // Types of the schema and errors are called by their classes; a class is renamed where two files have one of that name.
  keepNames: true,
  comments: { jsdoc: false },
});
await bundle.close();

const modules = output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
// A little of the bundler's own is in it too.
const packages = new Set([join(root, "node_modules/rolldown"), ...modules.flatMap((id) => packageOf(id) ?? [])]);
const notices = [...packages].toSorted().map(noticeOf);
writeFileSync(join(folder, LICENCES), `${notices.join(`\n\n${"-".repeat(80)}\n\n`)}\n`);

const made = new Set([LICENCES, ...output.map(({ fileName }) => fileName)]);
for (const file of readdirSync(folder)) if (!made.has(file)) rmSync(join(folder, file));
