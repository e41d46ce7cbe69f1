/** A client without a policy of calls that tells of its attempts as one with a policy does. */

import type { ImmClient } from "../../src/imm/imm-client.js";

/** Each call is one attempt, as long as no policy of calls repeats it. */
export function countAttempts(client: ImmClient): ImmClient {
  return {
    getTask: async (request, options) => {
      options?.onAttempt?.();
      return client.getTask(request, options);
    },
    listTasks: async (request, options) => {
      options?.onAttempt?.();
      return client.listTasks(request, options);
    },
    getResult: async (request, options) => client.getResult(request, options),
    createTask: async (request, options) => {
      options?.onAttempt?.();
      return client.createTask(request, options);
    },
  };
}
