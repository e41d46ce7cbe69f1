import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { UpstreamInvalidResponseError } from "../../../src/errors.js";
import { parseExact } from "../../../src/json.js";
import { showDefinition } from "../../../src/tasks/definition/request-definition.js";
import { fromSharedText, toSharedText } from "../../../src/tasks/definition/shared-snapshot.js";
import { fromGetTask, fromListedTask, mergeSnapshots, type TaskSnapshot } from "../../../src/tasks/snapshot.js";

const KEY = { projectName: "p", taskType: "FileCompression", taskId: "t" };
/** Instances whose ticks began at other instants. */
const HERE = { timeAt: (tick: number) => tick + 1_000_000, tickAt: (timeMs: number) => timeMs - 1_000_000 };
const THERE = { timeAt: (tick: number) => tick + 999_000, tickAt: (timeMs: number) => timeMs - 999_000 };
const SECRET = "hunter2/hunter2";

const anyText = fc.string({ unit: "binary", maxLength: 20 }).filter((text) => !text.includes("hunter"));

/** A definition with a secret somewhere in it, or with none. */
const anyDefinition = fc
  .letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom(1, true, null, "oss://bucket/object", "https://b.example/o?Signature=hunter2/hunter2&x=1"),
      anyText,
      fc.record({ Password: fc.constant(SECRET), Next: tie("value") }),
      fc.record({ CredentialConfig: fc.record({ ServiceRole: fc.constant(SECRET) }), Next: tie("value") }),
      fc.record({ Name: fc.constant("secret-key"), Value: fc.constant(SECRET), Next: tie("value") }),
      fc.array(tie("value"), { maxLength: 3 }),
      tie("value").map((value) => JSON.stringify(value)),
    ),
  }))
  .value.map((value) => JSON.stringify(value));

const anyFields = fc.record({
  status: fc.constantFrom("Running", "Succeeded", "failed", "Odd", ""),
  progress: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
  startTime: fc.constantFrom(undefined, "2026-01-01T00:00:00.123456789Z", "no time"),
  endTime: fc.constantFrom(undefined, "2026-01-01T00:00:09Z", ""),
  code: fc.option(anyText, { nil: undefined }),
  message: fc.option(anyText, { nil: undefined }),
  userData: fc.option(anyText, { nil: undefined }),
  tags: fc.constantFrom(undefined, {}, { a: "b" }, { n: parseExact("1.10"), deep: [{ x: 12 }] }),
  requestId: fc.option(anyText, { nil: undefined }),
  eventId: fc.option(anyText, { nil: undefined }),
  taskRequestDefinition: fc.option(anyDefinition, { nil: undefined }),
});

const anySnapshot: fc.Arbitrary<TaskSnapshot> = fc
  .record({
    ways: fc.constantFrom("get", "list", "both"),
    fields: anyFields,
    askedDefinition: fc.boolean(),
    tick: fc.nat(),
    isCreated: fc.boolean(),
  })
  .map(({ ways, fields, askedDefinition, tick, isCreated }) => {
    const observed = { at: 1_700_000_000_000 + tick, tick };
    const got = fromGetTask(KEY, fields, { askedDefinition, observed });
    const listed = fromListedTask("p", { ...fields, ...KEY }, { requestId: fields.requestId, observed });
    const snapshot = ways === "get" ? got : ways === "list" ? listed : mergeSnapshots(got, listed);
    return { ...snapshot, hasBeenRead: !isCreated };
  });

/** What another instance reads. */
function shared(snapshot: TaskSnapshot): TaskSnapshot | undefined {
  return fromSharedText(toSharedText(snapshot, HERE), THERE);
}

describe("a snapshot as instances share it", () => {
  it("is the same but for the secrets of its definition, at the same instant of the other's ticks", () => {
    fc.assert(
      fc.property(anySnapshot, (snapshot) => {
        const { definition } = snapshot;
        const text = definition === null ? null : showDefinition(definition).text;
        expect(shared({ ...snapshot, progressError: new UpstreamInvalidResponseError("late") })).toEqual({
          ...snapshot,
          definition: text,
          isRedacted: text !== definition,
          observedTick: snapshot.observedTick + 1_000,
          progressAskedTick: snapshot.progressAskedTick === null ? null : snapshot.progressAskedTick + 1_000,
        });
      }),
    );
  });

  it("holds no secret of any depth, and shows the same definition once it is read", () => {
    fc.assert(
      fc.property(anySnapshot, (snapshot) => {
        const text = toSharedText(snapshot, HERE);
        expect(text).not.toContain("hunter2");
        const again = fromSharedText(text, HERE);
        // Who passes on what was shared has nothing to take out of it.
        expect(toSharedText(again as TaskSnapshot, HERE)).toBe(text);
      }),
    );
  });

  it("knows whether anything was taken out", () => {
    const of = (taskRequestDefinition: string): TaskSnapshot | undefined =>
      shared(
        fromListedTask(
          "p",
          { ...KEY, status: "Succeeded", taskRequestDefinition },
          { requestId: "r", observed: { at: 1, tick: 1 } },
        ),
      );
    expect(of('{ "Format": "zip" }')).toMatchObject({ definition: '{ "Format": "zip" }', isRedacted: false });
    expect(of('{"Password":"x"}')).toMatchObject({ definition: '{"Password":"[redacted]"}', isRedacted: true });
    // What cannot be searched, or is too long, is not shared: it was not asked for, as far as the other can know.
    const deep = `${"[".repeat(65)}${"]".repeat(65)}`;
    const long = JSON.stringify("x".repeat(70_000));
    expect([deep, long].map(of)).toEqual([
      expect.objectContaining({ definition: null, hasAskedDefinition: false }),
      expect.objectContaining({ definition: null, hasAskedDefinition: false }),
    ]);
  });

  it("may have members that are not known, and facts that are missing; another form is not read", () => {
    const snapshot = fromGetTask(
      KEY,
      { status: "Succeeded", requestId: "r", eventId: "e" },
      { askedDefinition: true, observed: { at: 1, tick: 1 } },
    );
    const form = JSON.parse(toSharedText(snapshot, HERE)) as Record<string, object>;
    const read = (changed: object): TaskSnapshot | undefined =>
      fromSharedText(JSON.stringify({ ...form, ...changed }), HERE);
    expect(read({ later: 1, facts: { later: "x" }, misfits: { later: "x" } })).toEqual(snapshot);
    for (const changed of [{ v: 2 }, { key: {} }, { facts: { code: 1 } }, { observedMs: "1" }, { isRedacted: 0 }]) {
      expect(read(changed)).toBeUndefined();
    }
    expect(["", "{", "null", "[]", "1"].map((text) => fromSharedText(text, HERE))).toEqual(Array(5).fill(undefined));
  });
});
