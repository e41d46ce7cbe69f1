import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.js";
import { Faults } from "../../src/emulator/faults.js";
import { ManualClock } from "../support/manual-clock.js";
import { codeOf, listTasks, refusalOf, sendSigned, until } from "./emulator-client.js";

const listRequest = { query: { ProjectName: "immtest" } };

let clock: ManualClock;
let emulator: Emulator;

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  emulator = await startEmulator({ clock });
});

afterEach(() => emulator.close());

/** The kinds that hit while chance answers each of `numbers` in turn. */
function drawEach(faults: Faults, numbers: readonly number[], action = "GetTask") {
  return numbers.map((number) => {
    clock.nextRandom = number;
    const { latency, failure } = faults.draw(action);
    return [latency?.kind ?? null, failure?.kind ?? null];
  });
}

describe("an injected fault, as a client sees it", () => {
  it("latency: the right answer, after the delay by the clock", async () => {
    emulator.injectFault({ kind: "latency", delayMs: 700 });
    let isAnswered = false;
    const call = sendSigned(emulator, listRequest).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await until(() => emulator.calls.length === 1);
    expect(clock.nextTimerInMs).toBe(700);
    await clock.advance(699);
    expect(isAnswered).toBe(false);
    await clock.advance(1);
    expect(JSON.parse((await call).text)).toMatchObject({ Tasks: [] });
    expect(emulator.calls).toMatchObject([{ fault: "latency", status: 200 }]);
  });

  it("latency: no timer is left when the client does not wait", async () => {
    emulator.injectFault({ kind: "latency", delayMs: 60_000 });
    const controller = new AbortController();
    const call = sendSigned(emulator, { ...listRequest, signal: controller.signal });
    await until(() => emulator.calls.length === 1);
    controller.abort();
    await expect(call).rejects.toThrow("aborted");
    await until(() => clock.pendingTimers === 0);
    expect(emulator.calls).toMatchObject([{ fault: "latency", status: null }]);
  });

  it("stall: no answer until the emulator closes", async () => {
    emulator.injectFault({ kind: "stall", times: 1 });
    const stalled = sendSigned(emulator, listRequest).catch((error: unknown) => error);
    await until(() => emulator.calls.length === 1);
    // A later call is answered, which shows that the stalled one is not merely slow.
    expect((await sendSigned(emulator, listRequest)).status).toBe(200);
    expect(emulator.calls).toMatchObject([{ fault: "stall", status: null }, { status: 200 }]);
    await emulator.close();
    expect(await stalled).toMatchObject({ code: "ECONNRESET" });
  });

  it("reset: the connection breaks without an answer, and nothing is done", async () => {
    emulator.injectFault({ kind: "reset" });
    await expect(sendSigned(emulator, listRequest)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(emulator.calls).toMatchObject([{ fault: "reset", status: null }]);
  });

  it("answerLost: the connection breaks after everything was done", async () => {
    emulator.injectFault({ kind: "answerLost", times: 1 });
    emulator.addTask({ taskType: "MediaConvert", taskId: "a", startsWhenFirstSeen: true });
    const query = { ProjectName: "immtest", TaskType: "MediaConvert", TaskId: "a" };
    await expect(sendSigned(emulator, { query }, { action: "GetTask" })).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(emulator.calls).toMatchObject([{ fault: "answerLost", status: null }]);
    // Had nothing been done, the task would still wait to be seen.
    expect((await listTasks(emulator)).Tasks).toMatchObject([{ TaskId: "a", Status: "Running" }]);
  });

  it("serverError: HTTP 503", async () => {
    emulator.injectFault({ kind: "serverError" });
    const refusal = await refusalOf(listTasks(emulator));
    expect(refusal).toMatchObject({ name: "ServerError", code: "ServiceUnavailable", statusCode: 503 });
  });

  it("throttle: HTTP 400, with the header only when asked for", async () => {
    emulator.injectFault({ kind: "throttle", retryAfterMs: 250, times: 1 });
    emulator.injectFault({ kind: "throttle" });
    const told = await refusalOf(listTasks(emulator));
    expect(told).toMatchObject({ name: "ThrottlingError", code: "Throttling.User", statusCode: 400, retryAfter: 250 });
    const untold = await sendSigned(emulator, listRequest);
    expect(codeOf(untold)).toBe("Throttling.User");
    expect(untold.headers).not.toHaveProperty("x-acs-retry-after");
  });

  it.each([
    ["Forbidden.RAM", {}] as const,
    ["InvalidSecurityToken.Expired", { code: "InvalidSecurityToken.Expired" }] as const,
  ])("refuse: HTTP 400 with the code %s", async (code, rule) => {
    emulator.injectFault({ kind: "refuse", ...rule });
    const answer = await sendSigned(emulator, listRequest);
    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
  });

  it("notJson: HTTP 200 with a page", async () => {
    emulator.injectFault({ kind: "notJson" });
    const answer = await sendSigned(emulator, listRequest);
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "text/html" } });
    expect(answer.text).toMatch(/^<html>/);
  });

  it("truncated: complete HTTP, incomplete JSON", async () => {
    emulator.injectFault({ kind: "truncated" });
    const answer = await sendSigned(emulator, listRequest);
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/^\{"RequestId":/);
    expect(() => JSON.parse(answer.text) as unknown).toThrow(SyntaxError);
  });

  it("emptyBody: HTTP 200 and nothing", async () => {
    emulator.injectFault({ kind: "emptyBody" });
    expect(await sendSigned(emulator, listRequest)).toMatchObject({ status: 200, text: "" });
  });

  it("does not break the kept-alive connections of others", async () => {
    const { port } = new URL(emulator.url);
    const idle = connect(Number(port), "127.0.0.1");
    await once(idle, "connect");
    emulator.injectFault({ kind: "reset" });
    await expect(sendSigned(emulator, listRequest)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(idle.readyState).toBe("open");
    idle.destroy();
  });
});

describe("Faults", () => {
  it("shares are of all calls, in adjoining stretches of one draw", () => {
    const faults = new Faults(clock);
    faults.inject({ kind: "reset", rate: 0.2 });
    faults.inject({ kind: "serverError", rate: 0.1 });
    faults.inject({ kind: "throttle", rate: 0.1 });
    faults.inject({ kind: "notJson", rate: 0.05 });
    const kinds = drawEach(faults, [0, 0.19, 0.2, 0.29, 0.31, 0.39, 0.41, 0.449, 0.46, 0.99]).map(([, kind]) => kind);
    expect(kinds).toEqual([
      "reset",
      "reset",
      "serverError",
      "serverError",
      "throttle",
      "throttle",
      "notJson",
      "notJson",
      null,
      null,
    ]);
  });

  it("latency draws apart from the others, so that a slow call may also fail", () => {
    const faults = new Faults(clock);
    faults.inject({ kind: "latency", rate: 0.5 });
    faults.inject({ kind: "reset", rate: 0.2 });
    expect(drawEach(faults, [0.1, 0.3, 0.6])).toEqual([
      ["latency", "reset"],
      ["latency", null],
      [null, null],
    ]);
  });

  it("a rule for an action leaves the calls of others alone", () => {
    const faults = new Faults(clock);
    faults.inject({ kind: "reset", action: "ListTasks" });
    expect(drawEach(faults, [0], "GetTask")).toEqual([[null, null]]);
    expect(drawEach(faults, [0], "ListTasks")).toEqual([[null, "reset"]]);
  });

  it("a rule ends after its times, when it is removed, and when all are cleared", () => {
    const faults = new Faults(clock);
    faults.inject({ kind: "reset", times: 2 });
    expect(drawEach(faults, [0, 0, 0])).toEqual([
      [null, "reset"],
      [null, "reset"],
      [null, null],
    ]);
    const remove = faults.inject({ kind: "stall" });
    remove();
    remove();
    faults.inject({ kind: "throttle" });
    expect(drawEach(faults, [0])).toEqual([[null, "throttle"]]);
    faults.clear();
    expect(drawEach(faults, [0])).toEqual([[null, null]]);
  });

  it.each([
    [{ rate: 1.1 }, "Expected `rate` to be from 0 to 1, got `1.1`"],
    [{ rate: Number.NaN }, "Expected `rate` to be from 0 to 1, got `NaN`"],
    [{ times: 0 }, "Expected `times` to be 1 or more, got `0`"],
    [{ delayMs: -1 }, "Expected `delayMs` to be 0 or more, got `-1`"],
    [{ retryAfterMs: -1 }, "Expected `retryAfterMs` to be 0 or more, got `-1`"],
  ])("refuses a rule out of range: %j", (rule, message) => {
    expect(() => new Faults(clock).inject({ kind: "latency", ...rule })).toThrow(new RangeError(message));
  });
});
