import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { UpstreamInvalidResponseError } from "../../src/errors.js";
import type { ImmTask } from "../../src/imm/imm-client.js";
import { NO_PARTS } from "../../src/tasks/task.js";
import {
  elapsedMs,
  expiresAtMs,
  fromGetTask,
  fromListedTask,
  hasChanged,
  isFinal,
  mergeSnapshots,
  satisfies,
  type TaskSnapshot,
} from "../../src/tasks/snapshot.js";

const KEY = { projectName: "p", taskType: "FileCompression", taskId: "t" };
const ALL_NEEDS = { definition: true, secrets: true, progress: true, eventId: true };

const NOTHING: ImmTask = {
  status: "Running",
  requestId: undefined,
  eventId: undefined,
};

/** What GetTask showed at an instant. */
function got(fields: Partial<ImmTask>, observedAt = 1_000, askedDefinition = false): TaskSnapshot {
  return fromGetTask(
    KEY,
    { ...NOTHING, ...fields },
    { askedDefinition, observed: { at: observedAt, tick: observedAt } },
  );
}

/** What ListTasks showed at an instant. */
function listed(fields: Partial<ImmTask>, observedAt = 1_000): TaskSnapshot {
  return fromListedTask(
    "p",
    { ...NOTHING, ...fields, ...KEY },
    { requestId: "list", observed: { at: observedAt, tick: observedAt } },
  );
}

describe("the state of a task", () => {
  it.each([
    ["Running", "RUNNING"],
    ["RUNNING", "RUNNING"],
    ["succeeded", "SUCCEEDED"],
    ["Failed", "FAILED"],
    ["Canceled", "UNKNOWN"],
    ["", "UNKNOWN"],
  ])("reads %p as %s", (word, status) => {
    expect(got({ status: word }).status).toBe(status);
  });

  it("is final for the two words that end a task, and for no other", () => {
    expect(["Running", "Succeeded", "Failed", "Suspended"].map((status) => isFinal(got({ status })))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("is final for a word that nobody knows together with an end time", () => {
    const endTime = "2021-12-24T03:01:41.662060377Z";
    expect(["Canceled", "", "Running"].map((status) => isFinal(got({ status, endTime })))).toEqual([
      true,
      false,
      false,
    ]);
    expect(
      ["later", "", "0001-01-01T00:00:00Z"].map((end) => isFinal(got({ status: "Canceled", endTime: end }))),
    ).toEqual([false, false, false]);
  });
});

describe("the fields of a snapshot", () => {
  it("are null where IMM left text empty", () => {
    expect(got({ code: "", message: "", userData: "", endTime: "" }).facts).toEqual({
      code: null,
      message: null,
      startTime: null,
      endTime: null,
      userData: null,
      tags: null,
    });
  });

  it("keep IMM's nanoseconds", () => {
    expect(got({ startTime: "2021-12-24T03:01:41.662060377Z" }).facts.startTime).toBe("2021-12-24T03:01:41.662060377Z");
  });

  it("are null, with the reason beside them, where a time is no instant", () => {
    const { facts, misfits } = got({ startTime: "2026-01-01", endTime: "5" });
    expect([facts.startTime, facts.endTime]).toEqual([null, null]);
    expect(misfits).toEqual({
      startTime: expect.any(UpstreamInvalidResponseError),
      endTime: expect.any(UpstreamInvalidResponseError),
    });
  });

  it("say 100 percent once SUCCEEDED, whatever IMM says", () => {
    expect([got({ status: "Succeeded" }), listed({ status: "Succeeded", progress: 0 })].map((s) => s.progress)).toEqual(
      [100, 100],
    );
  });

  it("say nothing of the progress of a task that neither runs nor has SUCCEEDED", () => {
    const failed = listed({ status: "Failed", progress: 42 }, 2);
    expect([failed.progress, got({ status: "Odd", progress: 42 }).progress]).toEqual([null, null]);
    // Whoever asked before it failed.
    expect(mergeSnapshots(listed({ progress: 42 }, 1), failed).progress).toBeNull();
  });

  it("tell no elapsed time that IMM cannot mean, since it forgets a task after seven days", () => {
    const times = { startTime: "1971-01-01T00:00:00Z", endTime: "2026-01-01T00:00:00Z" };
    expect(elapsedMs(listed({ ...times, startTime: "2025-12-31T23:59:59.5Z" }))).toBe(500);
    expect(elapsedMs(listed(times))).toBeNull();
  });

  it("hold a progress within 0 and 100, in whole percent", () => {
    expect([-5, 33.4, 140].map((progress) => listed({ progress }).progress)).toEqual([0, 33, 100]);
  });

  it("take a zero of GetTask for nothing, and one of ListTasks for a zero", () => {
    expect([got({ progress: 0 }).progress, listed({ progress: 0 }).progress]).toEqual([null, 0]);
  });
});

describe("merging two snapshots", () => {
  const anySnapshot = fc
    .record({
      isListed: fc.boolean(),
      status: fc.constantFrom("Running", "Succeeded", "Failed", "Odd"),
      progress: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      startTime: fc.constantFrom(undefined, "2026-01-01T00:00:00Z"),
      eventId: fc.constantFrom(undefined, "event"),
      taskRequestDefinition: fc.constantFrom(undefined, "{}"),
      observedAt: fc.integer({ min: 1, max: 5 }),
    })
    .map(({ isListed, observedAt, ...fields }) =>
      isListed ? listed(fields, observedAt) : got(fields, observedAt, true),
    );

  it("never takes a final state back", () => {
    fc.assert(
      fc.property(anySnapshot, anySnapshot, (a, b) => {
        expect(isFinal(mergeSnapshots(a, b))).toBe(isFinal(a) || isFinal(b));
      }),
    );
  });

  it("never lets progress run backwards, and never erases what one of the two knows", () => {
    fc.assert(
      fc.property(anySnapshot, anySnapshot, (a, b) => {
        const merged = mergeSnapshots(a, b);
        for (const part of [a, b]) {
          const least = merged.status === "RUNNING" ? part.progress : null;
          expect(merged.progress ?? -1).toBeGreaterThanOrEqual(least ?? -1);
          expect(merged.eventId).toBe(part.eventId ?? merged.eventId);
          expect(merged.facts.startTime).toBe(part.facts.startTime ?? merged.facts.startTime);
          expect(merged.definition).toBe(part.definition ?? merged.definition);
          expect(merged.observedAt).toBeGreaterThanOrEqual(part.observedAt);
          expect(satisfies(part, ALL_NEEDS, 0) ? satisfies(merged, ALL_NEEDS, 0) : true).toBe(true);
        }
      }),
    );
  });

  it("keeps every plain field that the later one lacks, but for what changes while a task runs", () => {
    const { facts } = got({
      code: "E",
      message: "m",
      startTime: "2026-01-01T00:00:00Z",
      endTime: "2026-01-01T00:00:01Z",
      userData: "u",
      tags: { a: "b" },
    });
    expect(Object.values(facts)).not.toContain(null);
    const merged = mergeSnapshots({ ...got({}, 1), facts }, listed({}, 2));
    expect(merged.facts).toEqual({ ...facts, code: null, message: null });
  });

  it("believes the later observation of two that are not final", () => {
    const [early, late] = [got({ status: "Odd" }, 1), got({ status: "Running" }, 2)];
    expect([mergeSnapshots(early, late).status, mergeSnapshots(late, early).status]).toEqual(["RUNNING", "RUNNING"]);
  });
});

describe("the error of a task", () => {
  it("is gone when the later observation tells none", () => {
    const early = got({ code: "ResourceNotFound", message: "m" }, 1);
    const late = got({ status: "Succeeded", code: "", message: "" }, 2);
    expect(mergeSnapshots(early, late)).toMatchObject({ status: "SUCCEEDED", facts: { code: null, message: null } });
  });
});

describe("what a snapshot answers", () => {
  it("is never too old when final", () => {
    expect(satisfies(got({ status: "Failed" }, 1), { ...NO_PARTS, progress: true }, 1_000_000)).toBe(true);
  });

  it("depends on when the progress was asked for, not only on when the task was seen", () => {
    const merged = mergeSnapshots(listed({ progress: 5 }, 1_000), got({}, 3_000));
    expect(satisfies(merged, NO_PARTS, 2_000)).toBe(true);
    expect(satisfies(merged, { ...NO_PARTS, progress: true }, 2_000)).toBe(false);
  });

  it("depends on whether the definition and the event id were asked for", () => {
    expect(satisfies(got({ status: "Succeeded" }), { ...NO_PARTS, definition: true }, 0)).toBe(false);
    expect(satisfies(got({ status: "Succeeded" }, 1, true), { ...NO_PARTS, definition: true }, 0)).toBe(true);
    expect(satisfies(listed({ status: "Succeeded" }), { ...NO_PARTS, eventId: true }, 0)).toBe(false);
  });
});

describe("a visible change", () => {
  it("is not the time or the call of the observation", () => {
    expect(hasChanged(got({ requestId: "a" }, 1), got({ requestId: "b" }, 2), ALL_NEEDS)).toBe(false);
  });

  it.each([
    ["status", { status: "Failed" }],
    ["code", { code: "E" }],
    ["message", { message: "m" }],
    ["endTime", { endTime: "2026-01-01T00:00:00Z" }],
    ["userData", { userData: "u" }],
    ["tags", { tags: { a: "b" } }],
    ["eventId", { eventId: "e" }],
    ["progress", { progress: 5 }],
    ["definition", { taskRequestDefinition: "{}" }],
  ])("is another %s", (_name, fields) => {
    expect(hasChanged(got({}), got(fields), ALL_NEEDS)).toBe(true);
  });
});

describe("the times of a task", () => {
  it("expires seven days after the start", () => {
    expect(expiresAtMs(got({ startTime: "2026-01-01T00:00:00Z" }))).toBe(Date.parse("2026-01-08T00:00:00Z"));
    for (const startTime of [
      "soon",
      "5",
      "2026-01-01",
      "2026-01-01T00:00:00",
      "2026-02-30T00:00:00Z",
      "+275760-09-13T00:00:00.000Z",
      "1000-01-01T00:00:00Z",
    ]) {
      expect(expiresAtMs(got({ startTime }))).toBeNull();
      expect(elapsedMs(got({ startTime }))).toBeNull();
    }
  });

  it("runs until its end, or until it was last seen", () => {
    const startTime = "2026-01-01T08:00:00+08:00";
    const start = Date.parse(startTime);
    expect(elapsedMs(got({ startTime }, start + 500))).toBe(500);
    expect(elapsedMs(got({ startTime, endTime: "2026-01-01T00:00:09Z" }, start + 99_000))).toBe(9_000);
    expect(elapsedMs(got({}))).toBeNull();
  });
});

describe("a value that does not fit", () => {
  const misfit = new UpstreamInvalidResponseError("It does not fit.");

  it("is null, beside the reason", () => {
    const snapshot = got(
      { tags: misfit, progress: misfit, eventId: misfit, taskRequestDefinition: misfit },
      1_000,
      true,
    );
    expect(snapshot).toMatchObject({ facts: { tags: null }, progress: null, eventId: null, definition: null });
    expect(snapshot.misfits).toEqual({ tags: misfit, progress: misfit, eventId: misfit, definition: misfit });
  });

  it("is a change when it comes and when it goes, for those who have not read the value before", () => {
    const [plain, odd] = [got({}), got({ tags: misfit })];
    expect([hasChanged(plain, odd, NO_PARTS), hasChanged(odd, plain, NO_PARTS)]).toEqual([true, true]);
    expect(hasChanged(odd, got({ tags: misfit }, 2_000), NO_PARTS)).toBe(false);
    expect(hasChanged(got({ tags: {} }), mergeSnapshots(got({ tags: {} }), odd), NO_PARTS)).toBe(false);
  });

  it("never erases what is known, and is not forgotten for what changes no more", () => {
    const odd = got({ tags: misfit, userData: misfit, code: misfit }, 2_000);
    expect(mergeSnapshots(got({ tags: { a: 1 } }), odd)).toMatchObject({ facts: { tags: { a: 1 }, userData: null } });
    const later = mergeSnapshots(odd, got({ userData: "u" }, 3_000));
    expect(later).toMatchObject({ facts: { tags: null, userData: "u" }, misfits: { tags: misfit } });
    expect(later.misfits.code).toBeUndefined();
  });
});
