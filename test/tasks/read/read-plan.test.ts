import { describe, expect, it } from "@jest/globals";
import {
  ForbiddenError,
  UpstreamMisconfiguredError,
  UpstreamThrottledError,
  UpstreamUnavailableError,
} from "../../../src/errors.js";
import { chooseListed, nextQuestion, type ReadState, type WantedTask } from "../../../src/tasks/read/read-plan.js";
import type { TaskSnapshot } from "../../../src/tasks/snapshot.js";
import { NO_PARTS } from "../../../src/tasks/task.js";
import { PROGRESS } from "../../support/tasks.js";

const DEFINITION = { ...NO_PARTS, definition: true };
const EVENT_ID = { ...NO_PARTS, eventId: true };

/** A running task as GetTask has shown it at tick 5. */
const running = {
  status: "RUNNING",
  hasBeenRead: true,
  hasAskedDefinition: false,
  hasAskedEventId: true,
  observedTick: 5,
  progressAskedTick: null,
  progressError: null,
} as TaskSnapshot;
const listed: TaskSnapshot = { ...running, progressAskedTick: 5, hasAskedEventId: false };
const ended: TaskSnapshot = { ...running, status: "SUCCEEDED" };
const created: TaskSnapshot = { ...running, hasBeenRead: false };

const unavailable = new UpstreamUnavailableError("IMM does not answer.", { mayHaveArrived: false });
const forbidden = new ForbiddenError("IMM denies it.");

const start: ReadState = {
  known: undefined,
  parts: NO_PARTS,
  notBefore: 5,
  listed: undefined,
  hasAskedTask: false,
  isOfWatch: false,
  mayList: () => false,
};

const task = { ask: "task", definition: false };
const confirm = { ask: "confirm", definition: false };

const table: readonly (readonly [what: string, state: Partial<ReadState>, next: object])[] = [
  ["nothing is known", {}, task],
  ["nothing is known, and its progress is wanted", { parts: PROGRESS }, task],
  ["nothing is known, and its definition is wanted", { parts: DEFINITION }, { ask: "task", definition: true }],
  ["only its create has told of it", { known: created, parts: PROGRESS }, task],
  ["it has just been seen", { known: running }, { ask: "nothing", answer: running }],
  ["it was seen too long ago", { known: running, notBefore: 6 }, task],
  ["it runs, and its progress is wanted", { known: running, parts: PROGRESS }, { ask: "list" }],
  ["its progress is too old", { known: listed, parts: PROGRESS, notBefore: 6 }, { ask: "list" }],
  ["it was listed, and its event id is wanted", { known: listed, parts: EVENT_ID }, task],
  ["it has ended", { known: ended, parts: PROGRESS, notBefore: 9 }, { ask: "nothing", answer: ended }],
  [
    "it has ended, and its definition is wanted",
    { known: ended, parts: DEFINITION },
    { ask: "task", definition: true },
  ],
  [
    "the definition is known",
    { known: { ...running, hasAskedDefinition: true }, parts: DEFINITION, notBefore: 6 },
    { ask: "task", definition: false },
  ],
  ["the lists have shown too little", { known: listed, parts: EVENT_ID, listed: "seen" }, task],
  ["the lists no longer show it", { known: running, parts: PROGRESS, notBefore: 6, listed: "absent" }, confirm],
  [
    "the lists no longer show it, and its definition is wanted",
    { known: running, parts: { ...PROGRESS, definition: true }, listed: "absent" },
    { ask: "confirm", definition: true },
  ],
  [
    "it runs on, though the lists do not show it",
    { known: running, parts: PROGRESS, listed: "absent", hasAskedTask: true },
    { ask: "nothing", answer: { ...running, progressAskedTick: 5 } },
  ],
  [
    "it has ended, as the lists have told by not showing it",
    { known: ended, parts: PROGRESS, listed: "absent", hasAskedTask: true },
    { ask: "nothing", answer: ended },
  ],
  [
    "GetTask has shown that it runs, and its progress is wanted",
    { known: running, parts: PROGRESS, hasAskedTask: true },
    { ask: "list" },
  ],
  ["the lists fail", { known: running, parts: PROGRESS, listed: unavailable }, task],
  [
    "the lists have failed, and GetTask has not",
    { known: running, parts: PROGRESS, listed: forbidden, hasAskedTask: true },
    { ask: "nothing", answer: { ...running, progressError: forbidden } },
  ],
];

describe("the next question about a task", () => {
  it.each(table)("where %s", (_what, state, next) => {
    expect(nextQuestion({ ...start, ...state })).toEqual(next);
  });

  it.each([
    [new UpstreamThrottledError("IMM throttles."), {}, true],
    [new UpstreamMisconfiguredError("IMM refuses the key."), {}, true],
    [unavailable, { isOfWatch: true }, true],
    [forbidden, {}, false],
    [forbidden, { isOfWatch: true }, false],
    [forbidden, { isOfWatch: true, mayList: () => true }, true],
  ])("where the lists fail with %p, and %j", (failure, state, isHopeless) => {
    const next = nextQuestion({ ...start, parts: PROGRESS, ...state, listed: failure });
    expect(next).toEqual(isHopeless ? { ask: "give up", failure } : task);
  });
});

describe("the tasks that lists answer", () => {
  const chosen = (tasks: readonly WantedTask[], isOfWatch = false): readonly number[] =>
    chooseListed(tasks, isOfWatch).map((one) => tasks.indexOf(one));
  const plain = { known: running, parts: NO_PARTS };
  const unknown = { known: undefined, parts: NO_PARTS };

  it("are those that run, and unknown ones where their progress is wanted or a watch asks", () => {
    const tasks = [plain, unknown, { ...unknown, parts: PROGRESS }, { known: ended, parts: DEFINITION }];
    expect(chosen(tasks)).toEqual([0, 2]);
    expect(chosen(tasks, true)).toEqual([0, 1, 2]);
  });

  it("are none for the sake of an event id, or of a single task that costs no list by itself", () => {
    expect(chosen([plain, { known: listed, parts: EVENT_ID }])).toEqual([]);
    expect([chosen([plain]), chosen([{ ...plain, parts: PROGRESS }])]).toEqual([[], [0]]);
  });
});
