import { describeFinishedTasks } from "../../support/finished-tasks-suite.js";
import { MemoryFinishedTasks } from "../../support/memory-finished-tasks.js";

describeFinishedTasks("in memory", async (clock, maxTasks) => {
  const store = new MemoryFinishedTasks(clock, maxTasks);
  return {
    here: store,
    there: store,
    goAway: async () => void (store.isAway = true),
    dump: async () => store.dump(),
  };
});
