/** Every call of a client, for doubles that expect only some of them: spread it, and put those over it. */

import type { ImmClient } from "../../src/imm/imm-client.js";

async function refuse(): Promise<never> {
  throw new Error("Nothing should be asked.");
}

export const uncalled = {
  getTask: refuse,
  listTasks: refuse,
  getResult: refuse,
  createTask: refuse,
} satisfies ImmClient;
