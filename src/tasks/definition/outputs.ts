/** Where a task writes: the OSS URIs that its request definition names as targets. Pure. */

import { createOperationOf, modelOf, type Members, type Shape } from "../../imm/operations/operations.js";
import { isRecord } from "../../json.js";

/**
 * The URIs, in the order of the table, each once; null for a type that is not known, or without a definition.
 *
 * @param definition - parsed, redacted or not.
 */
export function outputsOf(taskType: string, definition: unknown): readonly string[] | null {
  const operation = createOperationOf(taskType);
  if (operation === undefined || !isRecord(definition)) return null;
  return [...new Set(outputsOfMembers(operation.request, definition))];
}

function outputsOfMembers(members: Members, values: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(members).flatMap(([name, member]) => {
    const value = values[name];
    if (member.isOutput !== true) return outputsOfValue(member, value);
    return typeof value === "string" && value !== "" ? [value] : [];
  });
}

function outputsOfValue(shape: Shape, value: unknown): readonly string[] {
  const { type, items } = shape;
  // A parameter with members may be recorded as the JSON text in which it travelled.
  const read = typeof value === "string" && (type === "array" || type === "object") ? tryParse(value) : value;
  if (type === "object" && isRecord(read)) return outputsOfMembers(modelOf(shape).members, read);
  if (type === "array" && items !== undefined && Array.isArray(read)) {
    return read.flatMap((item) => outputsOfValue(items, item));
  }
  return [];
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
