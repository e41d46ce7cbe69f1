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
    const peer = request.socket.remoteAddress ?? GONE;
    if (request.headers["x-forwarded-for"] === undefined) return toCounted(peer) ?? GONE;
    if (!hasWarned) {
      hasWarned = true;
      logger.warn({}, UNTRUSTED);
    }
    // What a proxy says that is no address: then it is the proxy that asks.
    return toCounted(proxyAddress(request, trusts)) ?? toCounted(peer) ?? GONE;
  };
}

/** Some proxies add the port: `192.0.2.1:5678`, `[2001:db8::1]:5678`. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([^\]]+)\](?::\d+)?)$/;

/**
 * What an address is counted as: an IPv4 address by itself, also where IPv6 carries it; an IPv6 one as its first 64 bits, since
 * whoever has one has all those. Null for what is no address.
 */
export function toCounted(address: string): string | null {
  const [, ipv4, ipv6] = WITH_PORT.exec(address) ?? [];
  const [plain = ""] = (ipv4 ?? ipv6 ?? address).split("%");
  if (isIPv4(plain)) return plain;
  if (isIP(plain) === 0) return null;
  const groups = groupsOf(plain);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join(".");
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}

/** The eight numbers of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  // As a URL has it, the last two are hexadecimal too.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const parse = (text: string): number[] => (text === "" ? [] : text.split(":").map((group) => parseInt(group, 16)));
  const [first, last] = [parse(head), parse(tail ?? "")];
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}
