/** A client that says nothing of itself. */

import type { Credentials } from "../../src/access/principal.js";

export const NOBODY: Credentials & { readonly headers: Record<string, never> } = {
  authorization: undefined,
  headers: {},
  address: "192.0.2.1",
  transport: "http",
};
