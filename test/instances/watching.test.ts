import { afterEach, describe, expect, it } from "@jest/globals";
import { endRuns } from "../support/run.js";
import { Audience } from "./audience.js";
import { LEASE_AND_POLL_MS, POLL_MS, Show, SLACK_MS } from "./show.js";
import { pass, until } from "./until.js";

afterEach(endRuns);

describe("three instances that watch the same tasks", () => {
  it("ask IMM as much as one instance does", async () => {
    const endsMs = [5_000, 25_000] as const;
    const [three, one] = await Promise.all([
      Show.begin({ endsMs }),
      Show.begin({ endsMs, instances: 1, hasRedis: false }),
    ]);
    const broken = await Promise.all([three, one].map(async (show) => show.broken(POLL_MS + SLACK_MS)));
    expect(broken).toEqual([[], []]);
    expect(three.fleet.emulator.calls.length).toBeLessThanOrEqual(1.1 * one.fleet.emulator.calls.length);
  });

  it("answer a newcomer from what another has asked", async () => {
    const show = await Show.begin({ endsMs: [Infinity, Infinity], tasks: 3 });
    const { fleet, tasks } = show;
    const poller = await fleet.poller();
    const other = (poller.index + 1) % 3;
    const { toImm } = fleet.at(other);
    const before = toImm?.sentAt.length;
    const newcomers = new Audience(fleet);
    await newcomers.follow(
      tasks.map(({ taskId }) => taskId),
      other,
    );
    expect(newcomers.subscribers.map(({ told }) => told.length)).toEqual([1, 1, 1]);
    expect(toImm?.sentAt.length).toBe(before);
    await newcomers.leave();
  });

  it("go on at once when the one that polls is stopped", async () => {
    const show = await Show.begin({ endsMs: [14_000, 20_000] });
    const { fleet } = show;
    const poller = await fleet.poller();
    const stoppedAt = performance.now();
    poller.signal("SIGTERM");
    const others = fleet.instances.filter((instance) => instance !== poller);
    await until("another polls", () => others.some(({ toImm }) => (toImm?.sentAt.at(-1) ?? 0) > stoppedAt), 5_000);
    // Well below the lease, which would have run out after ten seconds.
    expect(performance.now() - stoppedAt).toBeLessThan(5_000);
    expect(await show.broken(POLL_MS + SLACK_MS)).toEqual([]);
  });

  it("go on within a lease when the one that polls is killed", async () => {
    const show = await Show.begin({ endsMs: [8_000, 30_000] });
    (await show.fleet.poller()).signal("SIGKILL");
    expect(await show.broken(LEASE_AND_POLL_MS + SLACK_MS)).toEqual([]);
  });

  it("go on within a lease when the one that polls stands still, and so does that one afterwards", async () => {
    const stoppedMs = 12_000;
    const show = await Show.begin({ endsMs: [8_000, 32_000] });
    const { fleet, audience } = show;
    const poller = await fleet.poller();
    poller.signal("SIGSTOP");
    await pass(stoppedMs);
    const told = audience.subscribers.filter(({ instance }) => instance !== poller.index);
    // The others know what has ended since, before it goes on.
    expect(told.filter(({ finals }) => finals.length > 0)).not.toEqual([]);
    poller.signal("SIGCONT");
    expect(await show.broken(Math.max(stoppedMs, LEASE_AND_POLL_MS) + SLACK_MS)).toEqual([]);
  });
});
