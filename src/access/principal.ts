/**
 * Who asks, and what it was granted: what authenticators find out about a caller, and all that rights, idempotency keys and
 * allowances depend on. Whatever claims a grant was written with have been read by then: it names projects and owners alone.
 */

/** What may be granted: see tasks, start them, see what they were created with, see that with its secrets. */
export const RIGHTS = ["read", "create", "definitions", "secrets"] as const;
export type Right = (typeof RIGHTS)[number];

/** One project by its name, or all whose names begin with that. */
export interface ProjectPattern {
  readonly name: string;
  readonly isPrefix: boolean;
}

/** How a task shows whose it is: by a tag, or by a member of its user data, which then is a JSON object. */
export type Ownership =
  | { readonly tag: string; readonly equals: string }
  | {
      /** A JSON pointer of one member, for example `/ownerId`. */
      readonly userData: string;
      readonly equals: string;
    };

/** Calls to IMM that a caller may cause: so many a minute, and so many at once after a quiet time. */
export interface CallAllowance {
  readonly callsPerMinute: number;
  readonly burst: number;
}

/** What a principal may do, and where. Grants add up. */
export interface Grant {
  readonly projects: readonly ProjectPattern[];
  /** As IMM spells them, for example `OfficeConversion`; undefined for all. */
  readonly taskTypes?: readonly string[] | undefined;
  readonly allow: readonly Right[];
  /** Only tasks that are the caller's own; undefined for all. */
  readonly own?: Ownership | undefined;
  /** Instead of that of all callers. */
  readonly allowance?: CallAllowance | undefined;
}

/** One who asks. */
export interface Principal {
  /**
   * What it is known by, for good: issuer and subject, or `token:` and the name of a token. Empty where no one is asked who
   * they are.
   */
  readonly caller: string;
  /** When it is no longer believed, in milliseconds since the epoch; undefined for never. */
  readonly expiresAt?: number | undefined;
  readonly grants: readonly Grant[];
}

/** What all are called who show no credentials where that is let in. No issuer's caller is without a space, no token's without a colon. */
export const ANONYMOUS = "anonymous";

/** All callers of a gateway that asks none of them who they are. Its name is part of the digests of idempotency keys. */
export const EVERYBODY: Principal = {
  caller: "",
  grants: [{ projects: [{ name: "", isPrefix: true }], allow: ["read", "create", "definitions"] }],
};

/** What of a task tells whose it is. */
export interface TaskSigns {
  /** Its tags; anything but an object has none. */
  readonly tags: unknown;
  /** Its user data as text; anything else has none. */
  readonly userData: unknown;
}

/** What a right is about, as far as it is known. */
export interface AccessTarget extends Partial<TaskSigns> {
  readonly projectName?: string | undefined;
  /** Left out for a whole project. */
  readonly taskType?: string | undefined;
}

/** What a client says of itself. */
export interface Credentials {
  /** `Authorization` of its request, or what its socket said in place of that; undefined where it said nothing. */
  readonly authorization: string | undefined;
  /** Of the request, or of the handshake of its socket. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Where it is: an IP address, as `server/limits/client-address.ts` names it. */
  readonly address: string;
  /** How it came, for the log. */
  readonly transport: "http" | "sse" | "websocket";
}

const views = new WeakMap<Principal, string>();

/** Equal for principals who see the same of everything. */
export function viewOf(principal: Principal): string {
  let view = views.get(principal);
  if (view === undefined) {
    const seen = principal.grants.map(({ projects, taskTypes, allow, own }) => {
      const rights = RIGHTS.filter((right) => right !== "create" && allow.includes(right));
      return rights.length === 0 ? [] : [JSON.stringify([projects, taskTypes, rights, own])];
    });
    view = seen.flat().toSorted().join("\n");
    views.set(principal, view);
  }
  return view;
}

/** Names a caller. @throws UnauthenticatedError - when it does not show who it is. */
export type Authenticate = (credentials: Credentials) => Principal | Promise<Principal>;
