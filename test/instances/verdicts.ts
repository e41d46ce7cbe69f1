/** What is wrong with what subscribers were told, and with the calls that reached IMM: empty where all is as promised. */

import type { EmulatedTask, ReceivedCall } from "../../src/emulator/emulator.js";
import type { Subscriber } from "./audience.js";
import type { Turns } from "./turns.js";

/** Each has its final once, with the right status, and its stream was completed. */
export function wrongFinals(subscribers: readonly Subscriber[], tasks: readonly EmulatedTask[]): readonly string[] {
  const statusOf = new Map(tasks.map(({ taskId, outcome }) => [taskId, outcome.status.toUpperCase()]));
  return subscribers.flatMap(({ taskId, instance, finals, failures, hasEnded }) => {
    const wrong = finals.filter(({ status }) => status !== statusOf.get(taskId));
    const found = [
      ...failures.map((failure) => `failed: ${failure}`),
      ...wrong.map(({ status }) => `ended ${status}`),
      ...(finals.length === 1 ? [] : [`${finals.length} finals`]),
      ...(hasEnded ? [] : ["its stream is open"]),
    ];
    return found.map((text) => `${taskId} at ${instance}: ${text}`);
  });
}

/** Places where progress went back, or was known and then was not. */
export function stepsBack(subscribers: readonly Subscriber[]): readonly string[] {
  return subscribers.flatMap(({ taskId, instance, told }) => {
    const known = told.map(({ progress }) => progress ?? -1);
    const back = known.filter((progress, index) => progress < Math.max(-1, ...known.slice(0, index)));
    return back.length === 0 ? [] : [`${taskId} at ${instance}: ${known.join(" ")}`];
  });
}

/** How long each subscriber did not know that its task had ended; `Infinity` where it never did. */
export function endDelays(subscribers: readonly Subscriber[], tasks: readonly EmulatedTask[]): readonly number[] {
  const endOf = new Map(tasks.map(({ taskId, endsAt }) => [taskId, endsAt]));
  return subscribers.map(({ taskId, finals }) => (finals[0]?.at ?? Infinity) - (endOf.get(taskId) ?? 0));
}

/** The most calls that certainly arrived within one second: each has arrived since the last turn before it was seen. */
export function busiestSecond(calls: readonly ReceivedCall[], turns: Turns): number {
  const since = calls.map(({ at }) => turns.before(at));
  let begin = 0;
  let most = 0;
  for (const [index, { at }] of calls.entries()) {
    while ((since[begin] ?? at) <= at - 1_000) begin += 1;
    most = Math.max(most, index - begin + 1);
  }
  return most;
}
