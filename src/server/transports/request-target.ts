/** What a request asks for, as its first line has it: the path and the parameters of one that may be no URL's. */

/** The path that the router matches: targets may be whole URLs, and their paths may be escaped. */
export function pathOf(target: string): string {
  const path = target.replace(/^(?:http|ws)s?:\/\/[^/?]*/i, "").split("?", 1)[0] ?? "";
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** What stands behind the path. */
export function searchParametersOf(target: string): URLSearchParams {
  return new URLSearchParams(target.split("?").slice(1).join("?"));
}
