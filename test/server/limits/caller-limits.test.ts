import { describe, expect, it } from "@jest/globals";
import { allowanceOf } from "../../../src/access/grants/allowance.js";
import { ANONYMOUS, EVERYBODY, type CallAllowance, type Principal } from "../../../src/access/principal.js";
import { RateLimitedError, UnauthenticatedError } from "../../../src/errors.js";
import { AddressLimits } from "../../../src/server/limits/address-limits.js";
import {
  CallerLimits,
  type Admission,
  type CallerLimitsOptions,
  type Demand,
  type LimitedClient,
} from "../../../src/server/limits/caller-limits.js";
import { Slots } from "../../../src/server/limits/slots.js";
import type { Buckets } from "../../../src/token-buckets.js";
import { ManualClock } from "../../support/manual-clock.js";

const ADDRESS = "192.0.2.1";

function principal(caller: string, ...allowances: readonly (CallAllowance | undefined)[]): Principal {
  return { caller, grants: allowances.map((allowance) => ({ projects: [], allow: ["read"], allowance })) };
}

function limitsOf(options: Partial<CallerLimitsOptions> = {}): { limits: CallerLimits; clock: ManualClock } {
  const clock = new ManualClock();
  const none = { mutationsPerMinute: 0, maxStreamsPerCaller: 0, maxProjectStreamsPerCaller: 0, maxSocketsPerCaller: 0 };
  return { clock, limits: new CallerLimits({ clock, callsPerMinute: 0, callBurst: 200, ...none, ...options }) };
}

/** Where the buckets are this instance's own, nothing is waited for. */
function admitNow(limits: CallerLimits, client: LimitedClient, demand: Demand): Admission {
  const admission = limits.admit(client, demand);
  if (admission instanceof Promise) throw new Error("Expected an admission at once.");
  return admission;
}

const calls = (count: number): { calls: number; mutations: number; isStream: boolean } => {
  return { calls: count, mutations: 0, isStream: false };
};

describe("the allowance of a principal", () => {
  const ofAll = { callsPerMinute: 10, burst: 10 };

  it("is the most generous of its grants, else that of all", () => {
    const [small, large] = [
      { callsPerMinute: 5, burst: 100 },
      { callsPerMinute: 6, burst: 1 },
    ];
    expect(allowanceOf(principal("a", small, undefined, large), ofAll)).toBe(large);
    expect(allowanceOf(principal("a", undefined), ofAll)).toBe(ofAll);
    expect(allowanceOf(principal("a"), undefined)).toBeUndefined();
    const longer = { callsPerMinute: 6, burst: 2 };
    expect(allowanceOf(principal("a", large, longer), ofAll)).toBe(longer);
  });
});

describe("the calls of a caller", () => {
  const allowance = { callsPerMinute: 60, callBurst: 10 };

  it("are charged before, and given back where they were not made", () => {
    const { limits } = limitsOf(allowance);
    const client = { principal: principal("a"), address: ADDRESS };
    const admission = admitNow(limits, client, calls(10));
    expect(() => limits.admit(client, calls(1))).toThrow(RateLimitedError);
    admission.settle(7);
    admission.settle(0);
    admitNow(limits, client, calls(3));
    expect(() => limits.admit(client, calls(1))).toThrow(expect.objectContaining({ retryAfterMs: 1_000 }));
  });

  it("are each caller's own, and each address's of those who do not say who they are", () => {
    const { limits } = limitsOf(allowance);
    for (const [client, other] of [
      [
        { principal: EVERYBODY, address: ADDRESS },
        { principal: EVERYBODY, address: "192.0.2.2" },
      ],
      [
        { principal: principal(ANONYMOUS), address: "2001:db8::1" },
        { principal: principal(ANONYMOUS), address: "2001:db8:0:1::1" },
      ],
      [
        { principal: principal("a"), address: ADDRESS },
        { principal: principal("b"), address: ADDRESS },
      ],
      [
        { principal: principal(`address ${ADDRESS}`), address: ADDRESS },
        { principal: principal("c"), address: ADDRESS },
      ],
    ] as const) {
      admitNow(limits, client, calls(10));
      expect(() => limits.admit(client, calls(1))).toThrow(RateLimitedError);
      admitNow(limits, other, calls(10));
    }
    // From another address it is the same caller.
    expect(() => limits.admit({ principal: principal("a"), address: "192.0.2.3" }, calls(1))).toThrow(RateLimitedError);
  });

  it("more than ever may be at once run when none are spent", async () => {
    const { limits, clock } = limitsOf(allowance);
    const client = { principal: principal("a"), address: ADDRESS };
    admitNow(limits, client, calls(1));
    expect(() => limits.admit(client, calls(25))).toThrow(expect.objectContaining({ retryAfterMs: 1_000 }));
    await clock.advance(1_000);
    admitNow(limits, client, calls(25));
    expect(() => limits.admit(client, calls(1))).toThrow(expect.objectContaining({ retryAfterMs: 16_000 }));
  });

  it("are asked of the buckets only where there is a limit and something to charge", () => {
    const charged: string[] = [];
    const buckets: Buckets = {
      charge: (owner, charges) => {
        charged.push(`${owner}: ${charges.map(({ bucket }) => bucket).join()}`);
        return { giveBack: () => undefined };
      },
    };
    const client = { principal: principal("a"), address: ADDRESS };
    const demand = { calls: 1, mutations: 1, isStream: true };
    for (const { limits } of [limitsOf({ buckets }), limitsOf({ ...allowance, buckets, mutationsPerMinute: 1 })]) {
      for (const less of [demand, { ...demand, calls: 0 }, { ...demand, mutations: 0 }, { ...calls(0) }]) {
        admitNow(limits, client, less).settle(0);
      }
    }
    expect(charged).toEqual(["caller a: calls:60:10,mutations:1", "caller a: mutations:1", "caller a: calls:60:10"]);
  });

  it("go by the grants that it has now", () => {
    const { limits } = limitsOf();
    const as = (...allowances: readonly CallAllowance[]): LimitedClient => {
      return { principal: principal("a", ...allowances), address: ADDRESS };
    };
    const small = { callsPerMinute: 60, burst: 1 };
    admitNow(limits, as(small), calls(1));
    expect(() => limits.admit(as(small), calls(1))).toThrow(RateLimitedError);
    admitNow(limits, as(), calls(1_000));
    admitNow(limits, as(small, { callsPerMinute: 61, burst: 5 }), calls(4));
    expect(() => limits.admit(as(small), calls(1))).toThrow(RateLimitedError);
  });

  it("are not charged where a mutation, a stream or nothing is refused", () => {
    const { limits } = limitsOf({ ...allowance, mutationsPerMinute: 1, maxStreamsPerCaller: 1 });
    const client = { principal: principal("a"), address: ADDRESS };
    admitNow(limits, client, { calls: 0, mutations: 1, isStream: true });
    expect(() => limits.admit(client, { calls: 10, mutations: 1, isStream: false })).toThrow(/mutations a minute/);
    expect(() => limits.admit(client, { calls: 10, mutations: 0, isStream: true })).toThrow(/streams at once/);
    admitNow(limits, client, calls(10));
  });

  it("a stream that was refused its calls holds no place", () => {
    const { limits } = limitsOf({ ...allowance, maxStreamsPerCaller: 1 });
    const client = { principal: principal("a"), address: ADDRESS };
    const admission = admitNow(limits, client, calls(10));
    expect(() => limits.admit(client, { ...calls(1), isStream: true })).toThrow(RateLimitedError);
    admission.settle(0);
    const stream = admitNow(limits, client, { ...calls(1), isStream: true });
    stream.leave();
    admitNow(limits, client, { ...calls(1), isStream: true });
  });
});

describe("logins that fail", () => {
  const wrong = async (): Promise<never> => {
    throw new UnauthenticatedError("wrong");
  };
  const none = { requestsPerMinute: 0, maxSocketsPerAddress: 0 };
  const login = (
    limits: AddressLimits,
    address: string,
    authenticate: () => Principal | Promise<Principal>,
  ): Principal | Promise<Principal> =>
    limits.limitLogins(authenticate)({ authorization: "Bearer a", headers: {}, address, transport: "http" });

  it("are counted by their address; then no credentials from there are looked at", async () => {
    const clock = new ManualClock();
    const limits = new AddressLimits({ clock, failedLoginsPerMinute: 2, ...none });
    const wrongAtOnce = (): never => {
      throw new UnauthenticatedError("wrong at once");
    };
    await expect(login(limits, ADDRESS, wrong)).rejects.toThrow("wrong");
    expect(() => login(limits, ADDRESS, wrongAtOnce)).toThrow("wrong at once");
    let looked = 0;
    const right = (): Principal => principal(`caller ${(looked += 1)}`);
    expect(() => login(limits, ADDRESS, right)).toThrow(expect.objectContaining({ retryAfterMs: 30_000 }));
    expect(looked).toBe(0);
    expect(await login(limits, "192.0.2.2", right)).toMatchObject({ caller: "caller 1" });
    await clock.advance(30_000);
    expect(await login(limits, ADDRESS, right)).toMatchObject({ caller: "caller 2" });
  });

  it("are no others: what is right, and what breaks", async () => {
    const limits = new AddressLimits({ clock: new ManualClock(), failedLoginsPerMinute: 1, ...none });
    const broken = async (): Promise<never> => {
      throw new Error("broken");
    };
    for (const _ of [1, 2]) await expect(login(limits, ADDRESS, broken)).rejects.toThrow("broken");
    for (const _ of [1, 2]) expect(await login(limits, ADDRESS, () => EVERYBODY)).toBe(EVERYBODY);
  });
});

describe("slots", () => {
  it("are given out up to the bound, to each name, and once given back given out again", () => {
    const slots = new Slots(2);
    const [first] = [slots.take("a"), slots.take("a")];
    expect(slots.take("a")).toBeNull();
    expect(slots.take("b")).not.toBeNull();
    first?.();
    first?.();
    expect(slots.take("a")).not.toBeNull();
    expect(slots.take("a")).toBeNull();
  });

  it("take no memory once they are given back, and none without a bound", () => {
    const slots = new Slots(1);
    slots.take("a")?.();
    expect(slots.size).toBe(0);
    const unbounded = new Slots(0);
    expect(unbounded.take("a")).not.toBeNull();
    expect(unbounded.size).toBe(0);
  });
});
