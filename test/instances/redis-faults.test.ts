import { afterEach, describe, expect, it } from "@jest/globals";
import { endRuns } from "../support/run.js";
import { LEASE_AND_POLL_MS, POLL_MS, Show, SLACK_MS } from "./show.js";
import { pass } from "./until.js";

afterEach(endRuns);

describe("three instances whose Redis", () => {
  it("is restarted: nothing is lost, and one of them polls again", async () => {
    const show = await Show.begin({ endsMs: [6_000, 26_000] });
    const { redis } = show.fleet;
    await show.fleet.poller();
    await redis?.crash();
    await pass(1_000);
    await redis?.start();
    expect(await show.broken(LEASE_AND_POLL_MS + SLACK_MS)).toEqual([]);
  });

  it("is away for a while: each polls within its share, then one for all", async () => {
    const show = await Show.begin({ endsMs: [10_000, 34_000] });
    const { fleet, audience } = show;
    await fleet.poller();
    await fleet.redis?.crash();
    const finals = audience.finals;
    await pass(12_000);
    expect(fleet.askersWithin(6_000)).toHaveLength(3);
    expect(audience.finals).toBeGreaterThan(finals);
    await fleet.redis?.start();
    await pass(4_000);
    await fleet.poller();
    expect(await show.broken(LEASE_AND_POLL_MS + SLACK_MS)).toEqual([]);
  });

  it("does not answer one of them: that one polls for itself, and the others go on", async () => {
    const show = await Show.begin({ endsMs: [8_000, 30_000] });
    const { fleet } = show;
    const poller = await fleet.poller();
    poller.toRedis?.stall();
    await pass(12_000);
    poller.toRedis?.mend();
    await pass(4_000);
    await fleet.poller();
    expect(await show.broken(LEASE_AND_POLL_MS + SLACK_MS)).toEqual([]);
  });

  it("loses messages to one of them: that one reads what it has missed", async () => {
    const show = await Show.begin({ endsMs: [8_000, 24_000] });
    const { fleet } = show;
    const poller = await fleet.poller();
    const { toRedis } = fleet.at((poller.index + 1) % 3);
    if (toRedis === undefined) throw new Error("There is no relay.");
    let count = 0;
    toRedis.losesMessage = () => (count += 1) % 2 === 0;
    await pass(12_000);
    toRedis.losesMessage = () => false;
    expect(toRedis.lostMessages).toBeGreaterThan(2);
    // The next message shows the gap.
    expect(await show.broken(3 * POLL_MS + SLACK_MS)).toEqual([]);
  });
});
