/** What Redis has done so far, as it says itself. */

import type { RedisProcess } from "../test/instances/redis-process.js";

export interface RedisUsage {
  /** How often each command was run, by its name, those within scripts too. */
  readonly commands: ReadonlyMap<string, number>;
  readonly cpuMs: number;
  /** Of all data. */
  readonly bytes: number;
  readonly sentBytes: number;
}

export async function readUsage(redis: RedisProcess): Promise<RedisUsage> {
  const info = String(await redis.ask("INFO", "everything"));
  const read = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]);
  const commands = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  return {
    commands: new Map(commands.map(([, name = "", calls]) => [name, Number(calls)])),
    cpuMs: 1_000 * (read("used_cpu_user") + read("used_cpu_sys")),
    bytes: read("used_memory"),
    sentBytes: read("total_net_output_bytes"),
  };
}

/** What was done between the two; `bytes` is what was added. */
export function usageBetween(before: RedisUsage, after: RedisUsage): RedisUsage {
  const commands = [...after.commands].map(
    ([name, calls]) => [name, calls - (before.commands.get(name) ?? 0)] as const,
  );
  return {
    commands: new Map(commands.filter(([name, calls]) => calls > 0 && name !== "info")),
    cpuMs: after.cpuMs - before.cpuMs,
    bytes: after.bytes - before.bytes,
    sentBytes: after.sentBytes - before.sentBytes,
  };
}

/** The commands of clients: a script counts as one, whatever it runs. */
export function scriptsOf({ commands }: RedisUsage): number {
  return (commands.get("evalsha") ?? 0) + (commands.get("eval") ?? 0);
}
