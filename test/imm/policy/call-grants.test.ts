import { InMemoryCallGrants, type CallGrantsStore } from "../../../src/imm/policy/call-grants.js";
import { describeCallGrants } from "../../support/call-grants-suite.js";
import { ManualClock } from "../../support/manual-clock.js";

describeCallGrants("in memory", async () => {
  const clock = new ManualClock();
  const store: CallGrantsStore = new Map();
  return {
    clock,
    join: async (maxCallsPerSecond) => new InMemoryCallGrants({ clock, maxCallsPerSecond, store }),
    pass: async (ms) => {
      await clock.advance(0);
      await clock.advance(ms);
    },
  };
});
