/**
 * Which web pages may use the gateway from a browser: the same rule for CORS on HTTP and for what browsers do not ask
 * leave for, the WebSocket handshake and the opening of a stream. Pure.
 */

import type { IncomingHttpHeaders } from "node:http";
import { ANY_ORIGIN, LOCAL_ORIGINS } from "../../options/row.js";

/** Decides on the `Origin` header of a request to `host`. */
export type AllowsOrigin = (origin: string | undefined, host: string | undefined) => boolean;

const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * @param allowed - origins such as `https://app.example.com`, or `*`, or `localhost` for any port of this machine.
 * Requests without an origin are no page's, and a page that the gateway served itself is always let in.
 */
export function createAllowsOrigin(allowed: readonly string[]): AllowsOrigin {
  return (origin, host) => {
    if (origin === undefined || allowed.includes(ANY_ORIGIN) || allowed.includes(origin)) return true;
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    return url.host === host || (allowed.includes(LOCAL_ORIGINS) && LOCAL_HOSTS.has(url.hostname));
  };
}

/** Decides on the `Host` header of a request. */
export type AllowsHost = (host: string | undefined) => boolean;

/**
 * A gateway that serves this machine only, and local pages, is asked under a name of this machine. Another name is that of
 * a page whose host was made to resolve here.
 */
export function createAllowsHost(listensOn: string, allowed: readonly string[]): AllowsHost {
  if (!allowed.includes(LOCAL_ORIGINS) || !LOCAL_HOSTS.has(toHostname(listensOn))) return () => true;
  return (host) => host === undefined || LOCAL_HOSTS.has(toHostname(host));
}

/** Whether who listens on this address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  const name = toHostname(host);
  return LOCAL_HOSTS.has(name) || /^127(\.\d+){3}$/.test(name);
}

/** The name without its port; an IPv6 address in brackets. */
function toHostname(host: string): string {
  const text = host.includes("::") && !host.startsWith("[") ? `[${host}]` : host;
  return URL.canParse(`http://${text}`) ? new URL(`http://${text}`).hostname : text;
}

/**
 * Whether a request comes from a page that is not let in. A page can send a GET without an `Origin`; the browser then
 * tells in `Sec-Fetch-Site` whose page it was.
 */
export function isForeignPage(headers: IncomingHttpHeaders, allowsOrigin: AllowsOrigin): boolean {
  const { origin, host } = headers;
  if (origin !== undefined) return !allowsOrigin(origin, host);
  return ["cross-site", "same-site"].includes(String(headers["sec-fetch-site"]));
}
