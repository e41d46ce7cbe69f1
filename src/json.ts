/**
 * Bounds of JSON values, whoever wrote them. A leaf: it knows nothing of tasks, IMM or GraphQL.
 *
 * Much of what handles a value recurses (`JSON.stringify`, coercion, redaction) and fails with a RangeError somewhere deep
 * inside. So a value that comes from outside is measured first, without recursion. Parsing is safe: `JSON.parse` does not
 * recurse.
 */

/** How deep arrays and objects may be nested: `{}` is 1 deep, `[{}]` 2, a text or a number 0. */
export const MAX_JSON_DEPTH = 64;

/** Whether a value is nested deeper than JSON may be. Goes level by level, so depth costs no stack. */
export function isTooDeep(value: unknown): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 1; depth <= MAX_JSON_DEPTH && level.length > 0; depth += 1) {
    level = level.flatMap((container) => Object.values(container)).filter(isContainer);
  }
  return level.length > 0;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
