/** Who asks: what the pipeline finds out about a caller, and all that rights and idempotency keys depend on. */

/** One who asks. */
export interface Principal {
  /** What it is known by, for good: issuer and subject, or the name of a token. Empty where no one is asked who they are. */
  readonly caller: string;
}

/** All callers of a gateway that asks none of them who they are. Its text is part of the digests of idempotency keys. */
export const EVERYBODY: Principal = { caller: "" };
