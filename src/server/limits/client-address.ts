/**
 * Where a request comes from, for what is counted per address: the peer of its connection, or where that is a proxy that is
 * trusted, what the proxies say in `X-Forwarded-For`, read from the right until one that is not trusted.
 */

import type { IncomingMessage } from "node:http";
import { isIP, isIPv4 } from "node:net";
import proxyAddress from "@fastify/proxy-addr";
import type { Logger } from "../../log.js";

/** Names the address of a request, of HTTP or for a WebSocket. */
export type AddressOf = (request: IncomingMessage) => string;

/** A connection that has gone has no address any more. */
const GONE = "gone";

const UNTRUSTED =
  "A request has X-Forwarded-For, and TRUSTED_PROXIES (trustedProxies) is not set: whatever comes through that proxy is counted " +
  "as one address. Set it to the addresses of your proxies. This is said once.";

/** @param trustedProxies - addresses, ranges such as `10.0.0.0/8`, `loopback`, `linklocal` or `uniquelocal`. */
export function createAddressOf(trustedProxies: readonly string[], logger: Logger): AddressOf {
  const trusts = proxyAddress.compile([...trustedProxies]);
  let hasWarned = trustedProxies.length > 0;
  return (request) => {
    const peer = request.socket.remoteAddress;
    if (peer === undefined) return GONE;
    if (request.headers["x-forwarded-for"] === undefined) return toAddress(peer) ?? GONE;
    if (!hasWarned) {
      hasWarned = true;
      logger.warn({}, UNTRUSTED);
    }
    // What a proxy says that is no address: then it is the proxy that asks.
    return toAddress(proxyAddress(request, trusts)) ?? toAddress(peer) ?? GONE;
  };
}

/** Some proxies add the port: `192.0.2.1:5678`, `[2001:db8::1]:5678`. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([^\]]+)\](?::\d+)?)$/;
/** IPv4, carried by IPv6, as a URL has it. */
const MAPPED = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/;

/** An address in the one form that it has here: of IPv6 as in a URL, without brackets. Null for what is no address. */
export function toAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  const [, ipv4, ipv6] = WITH_PORT.exec(text) ?? [];
  const [plain = ""] = (ipv4 ?? ipv6 ?? text).split("%");
  if (isIPv4(plain)) return plain;
  if (isIP(plain) === 0) return null;
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return canonical;
  return [parseInt(high, 16), parseInt(low, 16)].flatMap((pair) => [pair >> 8, pair & 0xff]).join(".");
}

/** What an address is counted as: of IPv6 its first 64 bits, since whoever has one has all those. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.split("::");
  const [first, last] = [groupsOf(head), groupsOf(tail)];
  const groups = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => "0"), ...last];
  return `${groups.slice(0, 4).join(":")}::/64`;
}

function groupsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(":");
}
