/**
 * Deletes from `dist/` what no source makes any more, such as the tests of a file that was moved: `npm run build` runs it
 * after the compiler. It does not empty the folder first, since another script may be running from it. What `bundle-command.ts`
 * makes, that script keeps tidy itself.
 *
 *   node dist/scripts/remove-stale.js [root]
 */

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

// Compiled to dist/scripts/.
const root = resolve(process.argv[2] ?? fileURLToPath(new URL("../..", import.meta.url)));
const dist = join(root, "dist");
const bundle = /^command[\\/]/;

for (const path of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  const [, name] = /^(.*)\.(?:js|js\.map|d\.ts)$/.exec(path) ?? [];
  if (name !== undefined && !bundle.test(name) && !existsSync(join(root, `${name}.ts`)))
    rmSync(join(dist, path), { force: true });
}
