import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createAddressOf, networkOf, toAddress } from "../../../src/server/limits/client-address.js";
import { RecordingLogger } from "../../support/recording-logger.js";

/** A request, as far as its address goes. */
function from(remoteAddress: string | undefined, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

describe("the address of a request", () => {
  it.each([
    ["a peer that no one trusts", [], "192.0.2.9", "198.51.100.1", "192.0.2.9"],
    ["a trusted proxy", ["192.0.2.9"], "192.0.2.9", "198.51.100.1", "198.51.100.1"],
    ["a proxy of a trusted range", ["192.0.2.0/24"], "192.0.2.9", "198.51.100.1", "198.51.100.1"],
    ["this machine", ["loopback"], "::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"],
    ["two proxies", ["loopback", "10.0.0.0/8"], "127.0.0.1", "198.51.100.1, 10.1.1.1", "198.51.100.1"],
    ["what a client has put in front", ["loopback"], "127.0.0.1", "203.0.113.7, 198.51.100.1", "198.51.100.1"],
    ["another peer than the proxy", ["10.0.0.1"], "192.0.2.9", "198.51.100.1", "192.0.2.9"],
    ["a proxy that adds ports", ["loopback"], "127.0.0.1", "198.51.100.1:4711", "198.51.100.1"],
    ["a proxy that says no address", ["loopback"], "127.0.0.1", "unknown", "127.0.0.1"],
    ["a proxy that says nothing", ["loopback"], "127.0.0.1", " ", "127.0.0.1"],
    ["a client of IPv6", ["loopback"], "::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"],
  ])("behind %s", (_what, trusted, peer, forwarded, address) => {
    expect(createAddressOf(trusted, new RecordingLogger())(from(peer, forwarded))).toBe(address);
  });

  it("is that of the peer without a proxy, and known of a connection that has gone", () => {
    const addressOf = createAddressOf([], new RecordingLogger());
    expect(addressOf(from("192.0.2.9"))).toBe("192.0.2.9");
    expect(addressOf(from(undefined))).toBe("gone");
    expect(addressOf(from(undefined, "198.51.100.1"))).toBe("gone");
    expect(createAddressOf(["loopback"], new RecordingLogger())(from(undefined, "198.51.100.1"))).toBe("gone");
  });

  it("of clients behind a proxy that is not trusted is said to be one, once", () => {
    const logger = new RecordingLogger();
    const addressOf = createAddressOf([], logger);
    addressOf(from("192.0.2.9"));
    expect(logger.lines).toEqual([]);
    for (const forwarded of ["198.51.100.1", "198.51.100.2"]) addressOf(from("192.0.2.9", forwarded));
    expect(logger.lines).toEqual([expect.stringContaining("TRUSTED_PROXIES")]);
  });
});

/** What a text is counted as. */
function toCounted(text: string): string | null {
  const address = toAddress(text);
  return address === null ? null : networkOf(address);
}

describe("what is counted of an address", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8::ffff:1", "2001:db8:0:0::/64"],
    ["2001:0DB8:0000:0001::2", "2001:db8:0:1::/64"],
    ["2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["[2001:db8::1]:4711", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["", null],
    ["localhost", null],
    ["192.0.2.1, 192.0.2.2", null],
    ["1.2.3.4.5", null],
  ])("of %j is %j", (address, counted) => {
    expect(toCounted(address)).toBe(counted);
  });

  it("of IPv6 is the same for the same 64 bits, and else another", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const eight = fc.tuple(group, group, group, group, group, group, group, group);
    fc.assert(
      fc.property(eight, eight, (a, b) => {
        fc.pre(a.slice(0, 4).some((part) => part !== 0));
        const text = (groups: readonly number[]): string => groups.map((part) => part.toString(16)).join(":");
        expect(toCounted(text(a))).toBe(toCounted(text([...a.slice(0, 4), ...b.slice(4)])));
        const isSame = String(a.slice(0, 4)) === String(b.slice(0, 4));
        expect(toCounted(text(a)) === toCounted(text(b))).toBe(isSame);
      }),
    );
  });

  it("never fails, whatever stands in the header", () => {
    const addressOf = createAddressOf(["loopback", "fd00::/8"], new RecordingLogger());
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(addressOf(from("127.0.0.1", text))).toEqual(expect.any(String));
      }),
    );
  });
});
