/** Who is let in, and with what grants: what the gateway asks of the authenticators, whatever they are. */

import { EVERYBODY, type Authenticate, type Principal } from "./principal.js";

/** The rules of one gateway. They may change while it runs. */
export interface Access {
  readonly authenticate: Authenticate;
  /** The same caller by the rules as they are now; undefined when they let it in no more. */
  readonly renew: (principal: Principal) => Principal | undefined;
  /** Calls the listener whenever the rules have changed. Returns what ends that. */
  onChange(listener: () => void): () => void;
  /** Begins to watch for changes, and to fetch what it needs. */
  open(): void;
  /** Leaves no timer. */
  close(): void;
}

/** Asks no one who they are. */
export const OPEN_ACCESS: Access = {
  authenticate: () => EVERYBODY,
  renew: (principal) => principal,
  onChange: () => () => undefined,
  open: () => undefined,
  close: () => undefined,
};
