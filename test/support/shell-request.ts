/** The curl commands of the manual, as the requests that they send: read as a shell and curl would, as far as the manual goes. */

/** What a command sends. */
export interface ShellRequest {
  readonly url: string;
  readonly init: RequestInit;
}

/** Each command of a block that has nothing but curl; null where it has another. */
export function readRequests(block: string): readonly ShellRequest[] | null {
  const commands = commandsOf(block);
  return commands.every(([name]) => name === "curl") ? commands.map((words) => toRequest(words.slice(1))) : null;
}

/** The commands of a shell script, as their words, without quotes. */
function commandsOf(script: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  const tokens = script.matchAll(/\n|#[^\n]*|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\\n|[^\s'"\\])+|[ \t]+/g);
  for (const [token] of tokens) {
    if (token === "\n") commands.push([]);
    else if (!/^(?:\s|#|\\\n$)/.test(token)) commands.at(-1)?.push(unquote(token));
  }
  return commands.filter((words) => words.length > 0);
}

function unquote(word: string): string {
  return word.replaceAll(/'([^']*)'|"((?:\\.|[^"\\])*)"/g, (_word, single?: string, double?: string) => {
    return single ?? String(double).replaceAll(/\\(["\\$`])/g, "$1");
  });
}

function toRequest(words: readonly string[]): ShellRequest {
  const headers: Record<string, string> = { accept: "*/*" };
  let url: string | undefined;
  let body: string | undefined;
  for (let index = 0; index < words.length; index += 1) {
    const word = String(words[index]);
    if (word === "-s" || word === "-sN") continue;
    if (word === "-H") {
      index += 1;
      const [name = "", value = ""] = String(words[index]).split(/: (.*)/s);
      headers[name] = value;
    } else if (word === "-d") {
      index += 1;
      body = words[index];
    } else if (word.startsWith("-") || url !== undefined) {
      throw new Error(`The test does not know what curl does with ${word}.`);
    } else url = word;
  }
  if (url === undefined) throw new Error("curl without a URL.");
  return { url, init: { headers, ...(body !== undefined && { method: "POST", body }) } };
}
