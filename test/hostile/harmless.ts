/** What no operation may cause, whatever it says; and how properties of generated ones are run. */

import { expect } from "@jest/globals";
import fc, { type Arbitrary } from "fast-check";
import type { Outcome } from "./transports.js";

/** Each was answered, by a result or a refusal of its own, and none by a defect. */
export function expectHarmless(outcomes: readonly Outcome[]): void {
  for (const { transport, status, kind, codes } of outcomes) {
    expect({ transport, kind, isDefect: codes.includes("INTERNAL_SERVER_ERROR") }).toEqual({
      transport,
      kind: "result",
      isDefect: false,
    });
    expect(status).toBeLessThan(500);
  }
}

/** A property has so long, then what it has not tried is left out. */
const MAX_PROPERTY_MS = 4_000;

/** Checks a predicate for so many inputs. A failure prints its seed; what broke a gateway is not tried again smaller. */
export async function holdsFor<Inputs extends unknown[]>(
  numRuns: number,
  arbitraries: { readonly [Index in keyof Inputs]: Arbitrary<Inputs[Index]> },
  predicate: (...inputs: Inputs) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + MAX_PROPERTY_MS;
  const property = fc.asyncProperty(fc.tuple<Inputs>(...arbitraries), async (inputs) => {
    // fast-check's own limit would go on while the run that is under way still asks the gateway.
    if (performance.now() < deadline) await predicate(...inputs);
  });
  await fc.assert(property, { numRuns, endOnFailure: true });
}
