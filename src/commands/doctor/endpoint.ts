/** Whether IMM can be reached from here: the name of its host, the connection, TLS, and an answer of HTTP with its date. */

import { lookup } from "node:dns/promises";
import type { Clock } from "../../clock.js";
import { toError } from "../../errors.js";
import { failed, ok, type Finding } from "./check.js";
import type { Target } from "./upstream.js";

/** What the answer says of the time. */
export interface ServerDate {
  /** Milliseconds since the epoch, in whole seconds; NaN where there is none. */
  readonly dateAt: number;
  /** This machine's, halfway between the request and the answer. */
  readonly hereAt: number;
}

/** Sends one request, without an action and without a key. */
export async function checkEndpoint(
  { url, isEmulator }: Target,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding<ServerDate>> {
  const { hostname, protocol } = new URL(url);
  const host = hostname.replaceAll(/[[\]]/g, "");
  const refuse = (message: string, cure: string): Finding<ServerDate> => ({
    checks: [failed("endpoint", message, cure)],
  });
  let isFound = false;
  try {
    const [address, ...others] = await until(signal, lookup(host, { all: true }));
    isFound = true;
    const beganAt = clock.now();
    const { status, headers } = await fetch(url, { method: "HEAD", redirect: "manual", signal });
    const hereAt = (beganAt + clock.now()) / 2;
    const dateAt = Date.parse(headers.get("date") ?? "");
    const where = `${address?.address ?? host}${others.length === 0 ? "" : ` (and ${others.length} more)`}`;
    const name = isEmulator ? "The emulator" : host;
    const found = where === host ? name : `${name} is ${where}, and`;
    const through = protocol === "https:" ? "TLS and HTTP" : "HTTP";
    return {
      checks: [ok("endpoint", `${found} answers ${through} (status ${status}).`)],
      value: { dateAt, hereAt },
    };
  } catch (thrown) {
    const code = codeOf(thrown);
    if (!isFound) {
      const why = signal.aborted ? "the name is not answered in time" : code;
      return refuse(
        `The name ${host} has no address here (${why}).`,
        "Is the region or IMM_ENDPOINT spelled right? Can this machine resolve other names? A VPC endpoint has a name in its VPC alone.",
      );
    }
    if (isOfTls(code)) return refuse(`${host} answers, but its certificate is not trusted here (${code}).`, TLS_CURE);
    if (/^(HPE_|UND_ERR_SOCKET|ERR_SSL|EPROTO)/.test(code)) {
      return refuse(
        `${host} answers, but not ${protocol === "https:" ? "TLS and HTTP" : "HTTP"} (${code}).`,
        "Are the scheme (https:// or http://) and the port of IMM_ENDPOINT right?",
      );
    }
    return refuse(
      signal.aborted ? `${host} does not answer in time.` : `${host} cannot be reached (${code}).`,
      "Let this machine out to that host and port: firewall, security group, NAT. Inside a VPC set IMM_ENDPOINT to IMM's VPC endpoint.",
    );
  }
}

const TLS_CURE =
  "Is the clock of this machine right? A proxy that opens TLS needs its authority in NODE_EXTRA_CA_CERTS.";

function isOfTls(code: string): boolean {
  return /^(CERT_|ERR_TLS|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/.test(code);
}

/** What fetch hides in its cause; the first of several addresses speaks for all. */
function codeOf(thrown: unknown): string {
  const { cause, code } = toError(thrown) as NodeJS.ErrnoException;
  const [first] = (cause as AggregateError | undefined)?.errors ?? [];
  const inner = (cause ?? first) as NodeJS.ErrnoException | undefined;
  return inner?.code ?? (first as NodeJS.ErrnoException | undefined)?.code ?? code ?? toError(thrown).name;
}

/** What cannot be stopped, and is waited for no longer than that. */
async function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return Promise.race([
    work,
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(toError(signal.reason)), { once: true });
    }),
  ]);
}
