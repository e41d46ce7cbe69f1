import { beforeEach, describe, expect, it } from "@jest/globals";
import {
  GraphQLError,
  GraphQLInt,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  parse,
  type ExecutionResult,
} from "graphql";
import type { Outcome } from "../../../src/server/subscription/result-stream.js";
import { ResultStream, type ResultReader } from "../../../src/server/subscription/result-stream.js";
import { EVERYBODY, type Principal, type Right } from "../../../src/access/principal.js";
import { ForbiddenError } from "../../../src/errors.js";
import { createExecutor } from "../../../src/server/operation/executor.js";
import { SharedSubscriptions, type RefuseStream } from "../../../src/server/subscription/shared-subscriptions.js";
import type { TaskSnapshot } from "../../../src/tasks/snapshot.js";
import type { WatchEvent } from "../../../src/tasks/watch/watch-stream.js";

/** A source that the test moves by hand, and what was made of it. */
class Source implements AsyncIterableIterator<WatchEvent> {
  readonly isEndless = false;
  readonly needs = { rights: [], targets: [] };
  returned = 0;
  /** What looks without a change have shown, by task. */
  readonly renewed = new Map<string, WatchEvent>();
  readonly #steps: (WatchEvent | Error | null)[] = [];
  #wake: (() => void) | undefined;

  /** The progress of a task. */
  give(progress: number, taskId = "a"): void {
    // The cast: nothing here looks at more of a snapshot.
    const snapshot = { key: toKey(taskId), status: "RUNNING", progress } as TaskSnapshot;
    this.#step({ kind: "snapshot", snapshot, isFirst: true });
  }

  /** A task that cannot be followed. */
  giveUp(taskId: string): void {
    this.#step({ kind: "failure", key: toKey(taskId), error: new Error(`no ${taskId}`) });
  }

  end(): void {
    this.#step(null);
  }

  break(): void {
    this.#step(new Error("broken"));
  }

  renewedEvent(keyText: string): WatchEvent | undefined {
    return this.renewed.get(keyText);
  }

  async next(): Promise<IteratorResult<WatchEvent>> {
    while (this.#steps.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const step = this.#steps.shift() ?? null;
    if (step instanceof Error) throw step;
    return step === null ? { done: true, value: undefined } : { done: false, value: step };
  }

  async return(): Promise<IteratorResult<WatchEvent>> {
    this.returned += 1;
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #step(step: WatchEvent | Error | null): void {
    this.#steps.push(step);
    this.#wake?.();
  }
}

function toKey(taskId: string): TaskSnapshot["key"] {
  return { projectName: "p", taskType: "t", taskId };
}

/** A client, and what it has seen: the progress of a task, what went wrong, or the end. */
class Reader implements ResultReader {
  readonly seen: unknown[] = [];
  readonly stream: ResultStream;
  #onTaken: (() => void) | undefined;
  isSlow = false;

  constructor(stream: ResultStream) {
    this.stream = stream;
    stream.read(this);
  }

  send(results: readonly ExecutionResult[], onTaken: () => void): void {
    if (this.#onTaken !== undefined) throw new Error("The last results have not been taken.");
    this.seen.push(...results.map(({ data, errors }) => errors?.[0]?.message ?? Object.values(data ?? {})[0]));
    this.#onTaken = onTaken;
    if (!this.isSlow) this.take();
  }

  take(): void {
    const onTaken = this.#onTaken;
    this.#onTaken = undefined;
    onTaken?.();
  }

  end(): void {
    this.seen.push("end");
  }

  fail(error: unknown): void {
    this.seen.push(error instanceof Error ? error.message : error);
  }
}

let sources: Source[];
let executions: number;
let refuse: RefuseStream;
let shared: SharedSubscriptions;

const field = {
  type: new GraphQLNonNull(GraphQLInt),
  args: { n: { type: GraphQLInt } },
  subscribe: (_root: unknown, { n }: { n?: number }) => {
    if (n === -1) throw new Error("refused");
    const source = new Source();
    sources.push(source);
    return source;
  },
  resolve: (event: WatchEvent) => {
    executions += 1;
    if (event.kind === "failure") throw event.error;
    return event.kind === "snapshot" ? event.snapshot.progress : -1;
  },
};

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { a: { type: GraphQLInt } } }),
  subscription: new GraphQLObjectType({ name: "Subscription", fields: { taskProgress: field, taskEvents: field } }),
});

beforeEach(() => {
  sources = [];
  executions = 0;
  refuse = () => undefined;
  shared = new SharedSubscriptions(createExecutor({ maxResponseBytes: 1_000_000 }), (...asked) => refuse(...asked));
});

async function ask(
  text: string,
  variableValues: Record<string, unknown> | null = null,
  operationName: string | null = null,
  principal: Principal = EVERYBODY,
): Promise<Outcome> {
  return shared.subscribe({ schema, document: parse(text), text, variableValues, operationName, principal });
}

async function follow(...question: Parameters<typeof ask>): Promise<Reader> {
  const outcome = await ask(...question);
  if (!(outcome instanceof ResultStream)) throw new Error("Expected a stream.");
  return new Reader(outcome);
}

/** Lets all that is ready happen. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

const TEXT = "subscription { taskProgress }";

describe("subscribers who ask the same", () => {
  it("share one execution of each change", async () => {
    const readers = await Promise.all(Array.from({ length: 100 }, async () => follow(TEXT)));
    sources[0]?.give(1);
    await settle();
    expect(readers.map(({ seen }) => seen)).toEqual(readers.map(() => [1]));
    expect([sources.length, executions]).toEqual([1, 1]);
  });

  it("begin with the last result of each task, however late they come", async () => {
    const first = await follow(TEXT);
    sources[0]?.give(1, "a");
    sources[0]?.give(50, "b");
    sources[0]?.give(2, "a");
    await settle();
    const late = await follow(TEXT);
    expect(late.seen).toEqual([2, 50]);
    sources[0]?.give(51, "b");
    sources[0]?.end();
    await settle();
    expect([first.seen, late.seen]).toEqual([
      [1, 50, 2, 51, "end"],
      [2, 50, 51, "end"],
    ]);
    expect(executions).toBe(4);
  });

  it("hold the newest result of each task that they have not taken, and take it before the end", async () => {
    const [quick, slow] = [await follow(TEXT), await follow(TEXT)];
    slow.isSlow = true;
    sources[0]?.give(1, "a");
    for (const progress of [2, 3, 4]) {
      sources[0]?.give(progress, "a");
      sources[0]?.give(progress * 10, "b");
    }
    sources[0]?.end();
    await settle();
    expect(quick.seen).toEqual([1, 2, 20, 3, 30, 4, 40, "end"]);
    expect(slow.seen).toEqual([1]);
    slow.take();
    expect(slow.seen).toEqual([1, 4, 40]);
    slow.take();
    expect(slow.seen).toEqual([1, 4, 40, "end"]);
  });

  it("leave one by one; the last one ends the execution, and the next one begins anew", async () => {
    const [one, two] = [await follow(TEXT), await follow(TEXT)];
    one.stream.close();
    expect(one.seen).toEqual(["end"]);
    sources[0]?.give(1);
    await settle();
    expect([one.seen, two.seen, sources[0]?.returned]).toEqual([["end"], [1], 0]);
    two.stream.close();
    await settle();
    expect(sources[0]?.returned).toBe(1);
    await follow(TEXT);
    expect(sources).toHaveLength(2);
  });

  it("share it with those who see the same, whoever they are and whatever they may start", async () => {
    const grant = { projects: [{ name: "a", isPrefix: false }], allow: ["read"] } as const;
    const by = async (caller: string, ...allow: readonly Right[]): Promise<Reader> =>
      follow(TEXT, null, null, { caller, grants: [{ ...grant, allow }] });
    await by("a", "read");
    await by("b", "create", "read");
    await by("c", "read", "definitions");
    await by("d", "definitions", "read", "create");
    await by("e", "read", "definitions", "secrets");
    expect(sources).toHaveLength(3);
    for (const source of sources) source.give(1);
    await settle();
    expect(executions).toBe(3);
  });

  it("are judged one by one when the rules have changed: who may not go on gets nothing that is unread", async () => {
    const [one, two] = [await follow(TEXT), await follow(TEXT, null, null, { ...EVERYBODY, caller: "two" })];
    two.isSlow = true;
    for (const progress of [1, 2]) sources[0]?.give(progress);
    await settle();
    refuse = ({ caller }) => (caller === "two" ? new ForbiddenError("no more") : undefined);
    shared.review();
    two.take();
    sources[0]?.give(3);
    await settle();
    expect([one.seen, two.seen]).toEqual([
      [1, 2, 3],
      [1, "no more"],
    ]);
  });

  it("all hear of a source that breaks", async () => {
    const [one, two] = [await follow(TEXT), await follow(TEXT)];
    sources[0]?.break();
    await settle();
    expect([one.seen, two.seen]).toEqual([["broken"], ["broken"]]);
  });

  it("do not hand on the failure of a task to those who ask later", async () => {
    const [one, slow] = [await follow(TEXT), await follow(TEXT)];
    slow.isSlow = true;
    sources[0]?.give(1, "a");
    sources[0]?.giveUp("b");
    await settle();
    const late = await follow(TEXT);
    expect(sources).toHaveLength(2);
    sources[0]?.end();
    sources[1]?.give(1, "b");
    await settle();
    slow.take();
    expect([one.seen, slow.seen, late.seen]).toEqual([[1, "no b", "end"], [1, "no b"], [1]]);
  });
});

describe("subscribers who ask something else", () => {
  const WITH_VARIABLE = "subscription ($n: Int) { taskProgress(n: $n) }";
  const TWO = "subscription A { taskProgress } subscription B { taskEvents }";

  it.each<[what: string, one: Parameters<typeof ask>, other: Parameters<typeof ask>]>([
    ["another document", [TEXT], ["subscription { taskProgress  }"]],
    ["other variables", [WITH_VARIABLE, { n: 1 }], [WITH_VARIABLE, { n: 2 }]],
    ["another operation", [TWO, null, "A"], [TWO, null, "B"]],
  ])("are executed by themselves: %s", async (_what, one, other) => {
    await follow(...one);
    await follow(...other);
    await follow(...other);
    expect(sources).toHaveLength(2);
  });

  it("are refused together, and may ask again", async () => {
    const text = "subscription { taskProgress(n: -1) }";
    for (const outcome of [...(await Promise.all([ask(text), ask(text)])), await ask(text)]) {
      expect(outcome).toMatchObject({ errors: [{ message: "refused" }] });
    }
  });
});

describe("subscribers of whom one fails", () => {
  /** A client whose connection throws at the second result, and no more. */
  class BrokenReader extends Reader {
    override send(results: readonly ExecutionResult[], onTaken: () => void): void {
      if (this.seen.length > 0) throw new Error("no connection");
      super.send(results, onTaken);
    }
  }

  it("go on without it, and are sent every change", async () => {
    const [before, outcome, after] = [await follow(TEXT), await ask(TEXT), await follow(TEXT)];
    const broken = new BrokenReader(outcome as ResultStream);
    for (const progress of [1, 2, 3]) {
      sources[0]?.give(progress, "a");
      await settle();
    }
    sources[0]?.end();
    await settle();
    expect(broken.seen).toEqual([1, "no connection"]);
    expect([before.seen, after.seen]).toEqual([
      [1, 2, 3, "end"],
      [1, 2, 3, "end"],
    ]);
  });

  it("leave nothing behind when it was the last of them", async () => {
    const broken = new BrokenReader((await ask(TEXT)) as ResultStream);
    sources[0]?.give(1, "a");
    sources[0]?.give(2, "a");
    await settle();
    expect(broken.seen).toEqual([1, "no connection"]);
    expect(sources[0]?.returned).toBe(1);
  });
});

describe("an execution that fails", () => {
  it("is an error for that event, and the next is as ever", async () => {
    let isBroken = true;
    shared = new SharedSubscriptions(async (args) => {
      if (isBroken) return { errors: [new GraphQLError("too large")] };
      return createExecutor({ maxResponseBytes: 1_000_000 })(args);
    });
    const one = await follow(TEXT);
    sources[0]?.give(1, "a");
    await settle();
    isBroken = false;
    sources[0]?.give(2, "a");
    await settle();
    expect(one.seen).toEqual(["too large", 2]);
  });

  it("is the refusal of a subscription that cannot be begun, and of that alone", async () => {
    const nothing = "subscription ($no: Boolean = false) { taskProgress @include(if: $no) }";
    for (const outcome of await Promise.all([ask(nothing), ask(nothing)])) {
      expect(outcome).toMatchObject({ errors: [{ message: expect.any(String) }] });
    }
    expect(await follow(TEXT)).toMatchObject({ seen: [] });
  });

  it("where the source is asked what is new, fails who comes, and keeps nothing of it", async () => {
    const one = await follow(TEXT);
    sources[0]?.give(1, "a");
    await settle();
    const [source] = sources as [Source];
    source.renewedEvent = () => {
      throw new Error("odd");
    };
    await expect(ask(TEXT)).rejects.toThrow("odd");
    one.stream.close();
    await settle();
    expect(source.returned).toBe(1);
  });
});
