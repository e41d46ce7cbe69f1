/** Whether IMM takes the key: by one list of a project, which is kept for the checks of that project. */

import {
  ForbiddenError,
  GatewayError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
} from "../../errors.js";
import type { ImmTaskPage } from "../../imm/imm-client.js";
import { failed, ok, warning, wordsOf, type Check, type Finding } from "./check.js";
import type { Asking } from "./credentials.js";

/** What became of a read: its answer, or why there is none. */
export type Outcome<T> = { readonly answer: T } | { readonly refusal: GatewayError };

/** An account whose key is taken. */
export interface Account extends Asking {
  /** The newest task of a project, if it has any. Asked for once. */
  list(projectName: string): Promise<Outcome<ImmTaskPage>>;
}

/** Asked for where no project is known: the refusal that there is none shows that the key is taken. */
const NO_PROJECT = "imm-graphql-doctor";

export async function checkAccount(
  asking: Asking,
  projects: readonly string[],
  signal: AbortSignal,
): Promise<Finding<Account>> {
  const listings = new Map<string, Promise<Outcome<ImmTaskPage>>>();
  const list = async (projectName: string): Promise<Outcome<ImmTaskPage>> => {
    const listing =
      listings.get(projectName) ??
      outcomeOf(asking.client.listTasks({ projectName, maxResults: 1, sort: "StartTime", order: "desc" }, { signal }));
    listings.set(projectName, listing);
    return listing;
  };
  const first = await list(projects[0] ?? NO_PROJECT);
  const check = "answer" in first ? ok("account", TAKEN) : checkOf(first.refusal);
  if (check.status === "failed") return { checks: [check] };
  return {
    checks: [check],
    value: {
      client: asking.client,
      list,
      get calls() {
        return asking.calls;
      },
    },
  };
}

/** @throws what is no GatewayError. */
export async function outcomeOf<T>(read: Promise<T>): Promise<Outcome<T>> {
  try {
    return { answer: await read };
  } catch (thrown) {
    if (thrown instanceof GatewayError) return { refusal: thrown };
    throw thrown;
  }
}

const TAKEN = "IMM takes the key and its signature.";

/** The cure of a refusal that is of the whole account, by the beginning of IMM's code. */
const CURES: readonly (readonly [pattern: RegExp, cure: string])[] = [
  [
    /^InvalidAccessKeyId/,
    "There is no such AccessKey, or it is disabled: set ALIBABA_CLOUD_ACCESS_KEY_ID to one that is active.",
  ],
  [
    /^SignatureDoesNotMatch|^IncompleteSignature/,
    "The secret is not that of the key: set ALIBABA_CLOUD_ACCESS_KEY_SECRET anew, without blanks.",
  ],
  [
    /SecurityToken/,
    "The security token is missing, expired, or of another key: get a new set of key, secret and token.",
  ],
  [/^InvalidTimeStamp|^Timestamp/i, "Set the clock of this machine by NTP."],
  [/^InvalidAction|^InvalidVersion|^InvalidProduct/, "Set IMM_ENDPOINT to an endpoint of IMM, or unset it."],
];

function checkOf(refusal: GatewayError): Check {
  const code = refusal.imm?.code ?? null;
  const message = code === null ? wordsOf(refusal) : `${wordsOf(refusal)} (${code})`;
  if (refusal instanceof UpstreamMisconfiguredError) {
    const cure = CURES.find(([pattern]) => pattern.test(code ?? ""))?.[1];
    return failed("account", message, cure ?? "Check the credentials of the line above.");
  }
  if (refusal instanceof UpstreamThrottledError) {
    return warning("account", message, "Others use up what IMM grants the project: ask again later.");
  }
  if (refusal instanceof UpstreamTimeoutError || refusal instanceof UpstreamUnavailableError) {
    return failed("account", message, "Ask again later; is what answers at the endpoint IMM?");
  }
  if (refusal instanceof ForbiddenError) return ok("account", `${TAKEN} Its rights are checked for each project.`);
  if (refusal instanceof UpstreamRejectedError) {
    const cure = "Is IMM activated for this account? The code can be looked up at https://api.aliyun.com/troubleshoot.";
    return failed("account", message, cure);
  }
  if (refusal.code === "UPSTREAM_INVALID_RESPONSE") {
    return failed("account", message, "What answers at the endpoint does not speak as IMM does: correct IMM_ENDPOINT.");
  }
  return ok("account", TAKEN);
}

/** Whether a refusal says nothing of a right. With a code of IMM's own it does: a denial has a code that is known. */
export function isUnknown({ retryable, code, imm }: GatewayError): boolean {
  return retryable || (code === "UPSTREAM_INVALID_RESPONSE" && (imm?.code ?? null) === null);
}
