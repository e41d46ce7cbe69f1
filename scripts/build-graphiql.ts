/**
 * Makes GraphiQL one gzipped file beside the code that serves it, and the digest of its script: `npm run build` runs it. The
 * page is the same for every gateway; it loads what is one gateway's own, so that the package which renders it is needed here
 * only.
 */

import { createHash } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

// Compiled to dist/scripts/.
const page = new URL("../src/server/transports/http/graphiql.html.gz", import.meta.url);
/** What the page's policy knows its script by. */
const digest = new URL("graphiql.digest", page);
const source = new URL("../../scripts/build-graphiql.ts", import.meta.url);
const RENDERER = "@graphql-yoga/render-graphiql";

/** Where the page gets its options; what the renderer writes in their place. */
const OPTIONS_PATH = "/graphiql/options.js";
const PLACEHOLDER = { title: "GraphiQL", favicon: "data:,", endpoint: "placeholder" };

function changedAt(file: string | URL): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

async function render(): Promise<string> {
  const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
  const rendered = renderGraphiQL(PLACEHOLDER);
  const call = /YogaGraphiQL\.renderYogaGraphiQL\(\s*(window\.document\.querySelector\('#root'\)),\s*\{.*\},\s*\);/;
  const at = rendered.lastIndexOf("YogaGraphiQL.renderYogaGraphiQL(");
  const tail = rendered.slice(at);
  if (!call.test(tail)) throw new Error(`${RENDERER} renders another page than this script knows.`);
  // Before the page's own script, so that it is rendered when it is loaded.
  const head = `<head><script src="${OPTIONS_PATH}"></script>`;
  const body = rendered.slice(0, at).replace("<head>", head);
  return body + tail.replace(call, "YogaGraphiQL.renderYogaGraphiQL($1, graphiqlOptions);");
}

/** The one script that stands in the page, as a browser reads it. */
function scriptOf(html: string): string {
  const opening = "<script>";
  return html.slice(html.indexOf(opening) + opening.length, html.lastIndexOf("</script>")).replaceAll("\r\n", "\n");
}

const renderer = fileURLToPath(import.meta.resolve(RENDERER));
if (changedAt(digest) < Math.max(changedAt(source), changedAt(renderer))) {
  const html = await render();
  writeFileSync(page, gzipSync(html));
  writeFileSync(digest, `sha256-${createHash("sha256").update(scriptOf(html)).digest("base64")}`);
}
