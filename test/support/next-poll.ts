/** Moves a gateway's time on to its next look at the tasks that are followed. */

import { eventually } from "./eventually.js";
import type { RunningGateway } from "./start-gateway.js";

/** The rhythm that `nextPoll` counts on: pass it to `startGateway`. */
export const EVERY_SECOND = { minPollIntervalMs: 1_000, maxPollIntervalMs: 1_000 } as const;

/** Lets a second pass, and waits until the look in it is over. Streams may have their heartbeats meanwhile. */
export async function nextPoll({ clock, emulator, gateway }: RunningGateway): Promise<void> {
  const [calls, timers] = [emulator.calls.length, clock.pendingTimers];
  await clock.advance(1_000);
  await eventually(
    () => emulator.calls.length > calls && (clock.pendingTimers === timers || gateway.watchedTasks === 0),
  );
}
