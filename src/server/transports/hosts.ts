/**
 * Under which names the gateway may be asked, which defends one that serves this machine only: a page whose own name was
 * made to resolve here (DNS rebinding) has the origin of its target, and every browser lets it read what it asks for.
 */

import type { IncomingMessage } from "node:http";
import { BlockList, isIPv6 } from "node:net";
import { LRUCache } from "lru-cache";
import { clip } from "../../options/refusal.js";
import { ANY_HOST } from "../../options/row.js";
import type { HttpRefusal } from "./refusal.js";

/** Decides on the `Host` of a request, by HTTP or for a WebSocket: why it is refused, or null. */
export type RefuseHost = (request: IncomingMessage, isProbe: boolean) => HttpRefusal | null;

/** What the rule depends on. */
export interface HostOptions {
  /** Where to listen, as the operator wrote it. */
  readonly host: string;
  /** Names without ports, or `*`; undefined where none are set. */
  readonly allowedHosts: readonly string[] | undefined;
  /** The address that is listened on; asked for when there is a request. */
  readonly address: () => string;
}

/** Names that are remembered. */
const MAX_NAMES = 100;

const LOCAL_NAMES = ["localhost", "127.0.0.1", "[::1]"];

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * A gateway on a loopback address takes the names of this machine and those that are allowed; one on another address takes
 * every name, or those that are allowed where any are. `*` allows every name. A probe may ask under any name.
 */
export function createRefuseHost({ host, allowedHosts, address }: HostOptions): RefuseHost {
  const allowed = new Set((allowedHosts ?? []).map(toName));
  const local = new Set([...allowed, ...LOCAL_NAMES, toName(isIPv6(host) ? `[${host}]` : host)]);
  /** Clients ask under the same few names. */
  const nameOf = new LRUCache<string, string | false>({ max: MAX_NAMES, memoMethod: (text) => toName(text) ?? false });
  let isLocal: boolean | undefined;
  return (request, isProbe) => {
    const { host: given } = request.headers;
    if (given === undefined) {
      return request.httpVersion === "1.0" ? null : { status: 400, message: "Expected a Host header." };
    }
    if (isProbe) return null;
    const name = nameOf.memo(given);
    const hosts = hostsOf(request);
    if (name === false || hosts.length > 1) {
      return {
        status: 400,
        message: `Expected one Host header with a name and perhaps a port, got "${clip(hosts.join(", "))}".`,
      };
    }
    if (allowed.has(ANY_HOST)) return null;
    isLocal ??= isLoopback(address());
    const names = isLocal ? local : allowed;
    if (names.has(name) || (names === allowed && allowedHosts === undefined)) return null;
    return {
      status: 403,
      message: `The Host "${clip(given)}" is not let in: add its name to ALLOWED_HOSTS (allowedHosts).`,
    };
  };
}

/** All that there are: of several, Node's `headers` has the first. */
function hostsOf({ rawHeaders }: IncomingMessage): readonly string[] {
  const hosts: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") hosts.push(rawHeaders[index + 1] ?? "");
  }
  return hosts;
}

/** The name in a `Host` header as URLs spell it, without its port; null where there is none. */
function toName(host: string): string | null {
  const url = `http://${host}`;
  // These would end the authority of a URL, or stand before it.
  if (/[\s/?#@\\]/.test(host) || !URL.canParse(url)) return null;
  return new URL(url).hostname.replace(/\.$/, "");
}

/** Whether what listens on this address is reached from this machine alone. */
export function isLoopback(address: string): boolean {
  return loopback.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}
