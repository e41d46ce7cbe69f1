import { beforeEach, describe, expect, it } from "@jest/globals";
import {
  ForbiddenError,
  NotFoundError,
  UpstreamMisconfiguredError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
} from "../../../src/errors.js";
import { UpstreamJournal } from "../../../src/imm/policy/upstream-journal.js";
import { ManualClock } from "../../support/manual-clock.js";
import { RecordingLogger } from "../../support/recording-logger.js";

let clock: ManualClock;
let logger: RecordingLogger;
let journal: UpstreamJournal;

beforeEach(() => {
  clock = new ManualClock();
  logger = new RecordingLogger();
  journal = new UpstreamJournal({ logger, clock });
});

/** The lines since the last question, parsed. */
function newLines(): Record<string, unknown>[] {
  return logger.lines.splice(0).map((line) => JSON.parse(line) as Record<string, unknown>);
}

const imm = { code: "Throttling.User", requestId: "R-1" };

describe("a kind of failure", () => {
  it.each([
    ["warn", "UPSTREAM_UNAVAILABLE", new UpstreamUnavailableError("IMM is not available.", { imm })],
    ["warn", "UPSTREAM_TIMEOUT", new UpstreamTimeoutError("late", { imm })],
    ["warn", "UPSTREAM_THROTTLED", new UpstreamThrottledError("slow", { imm })],
    ["error", "UPSTREAM_MISCONFIGURED", new UpstreamMisconfiguredError("key", { imm })],
    ["warn", "FORBIDDEN", new ForbiddenError("denied", { imm })],
  ])("is told at %s when it begins: %s", (level, code, error) => {
    journal.failed("p", error);
    expect(newLines()).toEqual([
      { level, message: expect.any(String), code, failures: 1, projectName: "p", reason: error.message, imm },
    ]);
  });

  it("is told at most once a minute while it lasts, with the calls since the last line and IMM's newest request id", async () => {
    journal.failed("p", new UpstreamThrottledError("slow", { imm }));
    newLines();
    for (let second = 1; second < 60; second += 1) {
      await clock.advance(1_000);
      journal.failed("p", new UpstreamThrottledError("slow", { imm: { ...imm, requestId: `R-${second}` } }));
      journal.succeeded();
    }
    expect(newLines()).toEqual([]);
    await clock.advance(1_000);
    journal.failed("q", new UpstreamThrottledError("slow", { imm: { ...imm, requestId: "R-60" } }));
    expect(newLines()).toMatchObject([{ failures: 60, projectName: "q", imm: { requestId: "R-60" } }]);
  });

  it("is over when a minute has gone by without it, which the next answer tells", async () => {
    journal.failed("p", new UpstreamTimeoutError("late"));
    await clock.advance(30_000);
    journal.failed("p", new UpstreamTimeoutError("late"));
    newLines();
    await clock.advance(59_999);
    journal.succeeded();
    expect(newLines()).toEqual([]);
    await clock.advance(1);
    journal.succeeded();
    journal.succeeded();
    expect(newLines()).toMatchObject([{ level: "info", code: "UPSTREAM_TIMEOUT", failures: 1, lastedMs: 30_000 }]);
    journal.failed("p", new UpstreamTimeoutError("late"));
    expect(newLines()).toMatchObject([{ level: "warn", failures: 1 }]);
  });

  it("has a minute of its own", () => {
    journal.failed("p", new UpstreamTimeoutError("late"));
    journal.failed("p", new UpstreamThrottledError("slow"));
    journal.failed("p", new UpstreamTimeoutError("late"));
    expect(newLines()).toHaveLength(2);
  });

  it("is none of IMM's where one request alone is at fault", () => {
    journal.failed("p", new NotFoundError("gone"));
    journal.failed("p", new Error("odd"));
    expect(newLines()).toEqual([]);
  });
});

describe("the breaker", () => {
  it("is told when it opens and when it closes, and once a minute between, with the calls that it refused", async () => {
    journal.breakerOpened(20);
    expect(newLines()).toMatchObject([{ level: "error", failuresInARow: 20 }]);
    for (let second = 0; second < 60; second += 1) {
      journal.breakerRefused();
      // A trial call that fails opens it again.
      journal.breakerOpened(20);
      await clock.advance(1_000);
    }
    expect(newLines()).toEqual([]);
    journal.breakerRefused();
    expect(newLines()).toMatchObject([{ level: "error", refused: 61 }]);
    journal.breakerRefused();
    journal.breakerClosed();
    journal.breakerClosed();
    expect(newLines()).toMatchObject([{ level: "info", openMs: 60_000, refused: 1 }]);
  });
});
