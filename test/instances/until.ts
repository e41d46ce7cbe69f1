/** Waits of the system tests, which run on real time, since processes have no other. */

import { setTimeout as passed } from "node:timers/promises";

const LOOK_MS = 20;

/** Looks now and then whether it is so, without keeping the machine busy. Fails when it is not so in time. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`Not so after ${withinMs} ms: ${what}`);
    await passed(LOOK_MS);
  }
}

/** Lets time pass, for what is defined by it: how long a process stands still, or Redis is away. */
export async function pass(ms: number): Promise<void> {
  await passed(ms);
}
