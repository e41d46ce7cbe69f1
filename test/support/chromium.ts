/** The browser of the tests. */

import { chromium, type Browser } from "playwright-core";

/** Where Debian puts it; another place can be named in the environment. */
const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";

/** Chromium without a window, which talks to nobody by itself. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly args: { readonly name?: string };
  /** Microseconds of CPU. */
  readonly tdur?: number;
}

/**
 * The most milliseconds of CPU that a page has worked without a pause, as a trace of `toplevel` has it. Unlike the time that has
 * passed meanwhile, it says nothing of what else the machine does.
 */
export function longestTaskMs(trace: Buffer): number {
  // The cast: so Chromium writes it.
  const { traceEvents } = JSON.parse(trace.toString()) as { readonly traceEvents: readonly TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const isMain = ({ name, args }: TraceEvent): boolean => name === "thread_name" && args.name === "CrRendererMain";
  const longest = new Map(traceEvents.filter(isMain).map((event) => [threadOf(event), { count: 0, ms: 0 }]));
  for (const event of traceEvents) {
    const thread = longest.get(threadOf(event));
    if (thread === undefined || event.tdur === undefined || !event.name.endsWith("RunTask")) continue;
    thread.count += 1;
    thread.ms = Math.max(thread.ms, event.tdur / 1_000);
  }
  // Further pages are kept ready, and do next to nothing.
  const [busiest] = [...longest.values()].toSorted((a, b) => b.count - a.count);
  if (busiest === undefined || busiest.count === 0) throw new Error("The trace has no task of a page.");
  return busiest.ms;
}
