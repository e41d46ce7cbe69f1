/** What a test has opened is closed when it ends, however it ends. */

import { afterEach } from "@jest/globals";

type Dispose = () => Promise<void> | void;

const disposals: Dispose[] = [];

/** Runs `dispose` when the present test has ended, the last one first. */
export function disposeAfterTest(dispose: Dispose): void {
  disposals.push(dispose);
}

afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose();
});
