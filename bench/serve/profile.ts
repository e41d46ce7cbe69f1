/** Where the CPU of a process went, by package or file and by function, as V8 sampled it. */

import type { Profiler } from "node:inspector/promises";

type Node = Profiler.ProfileNode;

/** Below this share of the whole, in percent, nothing is printed. */
const MIN_PERCENT = 1;

/** Prints the shares: what a place does itself, then what a function does with all that it calls. */
export function printProfile({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  const [places, own, inclusive] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  let totalUs = 0;
  for (const [index, id] of samples.entries()) {
    const node = byId.get(id);
    const us = timeDeltas[index] ?? 0;
    if (node === undefined || /^\((?:idle|root)\)$/.test(node.callFrame.functionName)) continue;
    totalUs += us;
    add(places, placeOf(node), us);
    add(own, nameOf(node), us);
    const stack = new Set<string>();
    for (let caller: Node | undefined = node; caller !== undefined; caller = parents.get(caller.id)) {
      if (caller.callFrame.functionName !== "(root)") stack.add(nameOf(caller));
    }
    for (const name of stack) add(inclusive, name, us);
  }
  print("by package or file, itself", places, totalUs);
  print("by function, itself", own, totalUs);
  print("by function, with what it calls", inclusive, totalUs);
}

function add(sums: Map<string, number>, name: string, us: number): void {
  sums.set(name, (sums.get(name) ?? 0) + us);
}

/** The package that a function is of, a file of the project, Node, or what V8 does besides: `(garbage collector)`. */
function placeOf({ callFrame: { url, functionName } }: Node): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "built into V8 and Node";
  if (url.startsWith("node:")) return "node:*";
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  return name ?? url.replace(/.*\/dist\//, "");
}

function nameOf(node: Node): string {
  const { functionName, url, lineNumber } = node.callFrame;
  const file = url.replace(/.*\/(?:dist|node_modules)\//, "");
  return `${functionName || "(anonymous)"}${file === "" ? "" : `  ${file}:${lineNumber + 1}`}`;
}

function print(title: string, sums: ReadonlyMap<string, number>, totalUs: number): void {
  console.log(`\n  % of CPU, ${title}`);
  for (const [name, us] of [...sums].toSorted(([, a], [, b]) => b - a)) {
    const percent = (us / totalUs) * 100;
    if (percent >= MIN_PERCENT) console.log(`${percent.toFixed(1).padStart(6)}  ${name}`);
  }
}
