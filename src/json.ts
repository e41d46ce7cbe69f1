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

/**
 * Whether the JSON text of a value has more characters than that, or about as many. Does not write it, and stops where
 * it is known: a value that holds another many times, as a literal with variables may, can be a thousand times as long as
 * what was sent.
 */
export function isTooLong(value: unknown, maxLength: number): boolean {
  const rest = [value];
  let length = 0;
  while (rest.length > 0) {
    const next = rest.pop();
    length += typeof next === "string" ? next.length + 2 : 1;
    if (isContainer(next)) {
      const members = Object.entries(next);
      // A name or an index, with what stands around it; and no more is kept than is counted.
      length += members.length * 2;
      if (length > maxLength) return true;
      for (const [name, member] of members) {
        if (!Array.isArray(next)) length += name.length + 2;
        rest.push(member);
      }
    }
    if (length > maxLength) return true;
  }
  return false;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
