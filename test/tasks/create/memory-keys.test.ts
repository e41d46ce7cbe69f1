import { MemoryKeys } from "../../../src/tasks/create/memory-keys.js";
import { describeIdempotencyKeys, type OpenKeys } from "../../support/idempotency-keys-suite.js";
import { describeSharedStarts } from "../../support/shared-starts-suite.js";

const open: OpenKeys = async (clock) => {
  const keys = new MemoryKeys(100, clock);
  return { handles: [keys, keys], elapse: async (ms) => clock.advance(ms) };
};

describeIdempotencyKeys("in memory", open);
describeSharedStarts("in memory", open);
