/** The manifest of documents that clients may name: it parses, and each document may be executed, by the code that `serve` runs. */

import type { CommandOptions } from "../../options/options.js";
import { createSchema } from "../../schema/build-schema.js";
import { Documents } from "../../server/operation/documents/documents.js";
import { parseManifest } from "../../server/operation/documents/operation-manifest.js";
import { PersistedOperations } from "../../server/operation/persisted-operations.js";
import { readText } from "../command.js";
import { failed, ok, wordsOf, type Finding } from "./check.js";

/** Documents at fault that are named. */
const MAX_NAMED = 10;

/** @param source - the path of the manifest. */
export function checkDocuments(options: CommandOptions, source: string): Finding {
  const { onlyPersistedOperations, explorer } = options;
  const documents = parseManifest(readText(source), source);
  const checked = new Documents({ ...options, schema: createSchema(options), hasIntrospection: explorer });
  const faults = [...documents].flatMap(([id, text]) => faultOf(id, text, source, checked));
  if (faults.length === 0) {
    const others = onlyPersistedOperations ? "no others are executed" : "others are executed too";
    return { checks: [ok("documents", `All ${documents.size} documents of ${source} can be executed; ${others}.`)] };
  }
  const details = faults.slice(0, MAX_NAMED);
  if (faults.length > MAX_NAMED) details.push(`${faults.length - MAX_NAMED} more.`);
  const message = `Of ${documents.size} documents of ${source}, ${faults.length} cannot be executed.`;
  const cure =
    "Make the manifest anew for `imm-graphql schema`, from documents that fit it. A gateway does not start with it.";
  return { checks: [failed("documents", message, cure, details)] };
}

function faultOf(id: string, text: string, source: string, checked: Documents): string[] {
  try {
    const documents = new Map([[id, text]]);
    const operations = new PersistedOperations({
      documents,
      source,
      isExclusive: false,
      maxAutomaticQueryBytes: 0,
      checked,
    });
    return operations.resolve({ documentId: id }).kind === "named" ? [] : [`the document "${id}" cannot be found.`];
  } catch (thrown) {
    return [wordsOf(thrown).replace(`${source}: `, "")];
  }
}
