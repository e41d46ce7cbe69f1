/**
 * Which web pages may use the gateway from a browser. One rule for CORS, the WebSocket handshake and every request over
 * HTTP, those among them that a browser sends without leave: that page of another origin causes nothing (CSRF). Pure.
 */

import type { IncomingHttpHeaders } from "node:http";
import { ANY_ORIGIN, LOCAL_ORIGINS } from "../../options/row.js";
import type { HttpRefusal } from "./refusal.js";

/** Decides on the `Origin` header of a request to `host`. */
export type AllowsOrigin = (origin: string | undefined, host: string | undefined) => boolean;

/** Decides on an `Origin` header by the list alone. */
export type ListsOrigin = (origin: string | undefined) => boolean;

const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * @param allowed - origins such as `https://app.example.com`, or `*`, or `localhost` for any port of this machine.
 * Requests without an origin are no page's.
 */
export function createListsOrigin(allowed: readonly string[]): ListsOrigin {
  return (origin) => {
    if (origin === undefined || allowed.includes(ANY_ORIGIN)) return true;
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    return allowed.includes(url.origin) || (allowed.includes(LOCAL_ORIGINS) && LOCAL_HOSTS.has(url.hostname));
  };
}

/** The same, and a page that the gateway served itself is always let in. */
export function createAllowsOrigin(listsOrigin: ListsOrigin): AllowsOrigin {
  return (origin, host) => {
    if (origin === undefined || listsOrigin(origin)) return true;
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    // A scheme may have no origins.
    return url.origin !== "null" && url.origin === originOf(url.protocol, host);
  };
}

/** The origin of the gateway, if a page of this scheme has it: 443 is the port of a Host that names none over https. */
function originOf(protocol: string, host: string | undefined): string | null {
  const url = `${protocol}//${host ?? ""}`;
  return URL.canParse(url) ? new URL(url).origin : null;
}

export const FOREIGN_PAGE: HttpRefusal = { status: 403, message: "Pages of this origin are not let in." };

const CAUSED_BY_ANY_PAGE: HttpRefusal = {
  status: 400,
  message:
    "Expected a request that no page of another origin can cause: a POST of JSON, or a GET with a header such as " +
    "apollo-require-preflight: true.",
};

/** What a page can post without asking for leave. */
const SIMPLE_TYPES = new Set(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]);
/** Headers of clients that send no body. */
const PREFLIGHT_HEADERS = ["apollo-require-preflight", "x-apollo-operation-name"];

/**
 * Why a request is refused that a page may have caused, or null.
 *
 * A browser says whose page it was in `Sec-Fetch-Site`, or in `Origin`. One that says `none`, for the address bar or a
 * bookmark, follows the redirects of what it finds there, and so vouches for nothing. Where nothing is said, a header does
 * that a page cannot set without leave.
 *
 * @param isStream - the header is not asked for where nothing is said: `EventSource` can set none.
 */
export function refusePage(
  headers: IncomingHttpHeaders,
  allowsOrigin: AllowsOrigin,
  isStream: boolean,
): HttpRefusal | null {
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  // Also where a proxy has changed the Host, so that it is not that of the origin.
  if (site === "same-origin") return null;
  if (origin !== undefined) return allowsOrigin(origin, host) ? null : FOREIGN_PAGE;
  if (site === "cross-site" || site === "same-site") return FOREIGN_PAGE;
  if (forcesPreflight(headers) || (isStream && site === undefined)) return null;
  return CAUSED_BY_ANY_PAGE;
}

function forcesPreflight(headers: IncomingHttpHeaders): boolean {
  if (headers["content-type"] === "application/json") return true;
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return (type !== "" && !SIMPLE_TYPES.has(type)) || PREFLIGHT_HEADERS.some((name) => (headers[name] ?? "") !== "");
}
