import { beforeEach, describe, expect, it } from "@jest/globals";
import { GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, parse, type ExecutionResult } from "graphql";
import type { Outcome } from "../../src/server/execution.js";
import { SharedSubscriptions } from "../../src/server/shared-subscriptions.js";

/** A source that the test moves by hand, and what was made of it. */
class Source implements AsyncIterableIterator<number> {
  returned = 0;
  readonly #values: (number | Error | null)[] = [];
  #wake: (() => void) | undefined;

  /** A value, an error, or null for the end. */
  give(value: number | Error | null): void {
    this.#values.push(value);
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<number>> {
    while (this.#values.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const value = this.#values.shift() ?? null;
    if (value instanceof Error) throw value;
    return value === null ? { done: true, value: undefined } : { done: false, value };
  }

  async return(): Promise<IteratorResult<number>> {
    this.returned += 1;
    this.give(null);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

let sources: Source[];
let resolved: number;
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
  resolve: (value: number) => {
    resolved += 1;
    return value;
  },
};

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { a: { type: GraphQLInt } } }),
  subscription: new GraphQLObjectType({ name: "Subscription", fields: { taskProgress: field, tasksProgress: field } }),
});

beforeEach(() => {
  sources = [];
  resolved = 0;
  shared = new SharedSubscriptions();
});

async function follow(
  text: string,
  variableValues: Record<string, unknown> | null = null,
): Promise<AsyncIterableIterator<ExecutionResult>> {
  const outcome: Outcome = await shared.subscribe({
    schema,
    document: parse(text),
    variableValues,
    operationName: null,
  });
  if (!(Symbol.asyncIterator in outcome)) throw new Error("Expected a stream.");
  return outcome;
}

async function valueOf(stream: AsyncIterableIterator<ExecutionResult>): Promise<unknown> {
  const { done, value } = await stream.next();
  return done === true ? "done" : Object.values(value.data ?? {})[0];
}

/** Lets all that is ready happen. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

const TEXT = "subscription { taskProgress }";

describe("subscribers who ask the same", () => {
  it("share one execution of each change", async () => {
    const streams = await Promise.all(Array.from({ length: 100 }, async () => follow(TEXT)));
    const reads = streams.map(valueOf);
    sources[0]?.give(1);
    expect(await Promise.all(reads)).toEqual(streams.map(() => 1));
    expect([sources.length, resolved]).toEqual([1, 1]);
  });

  it("begin with the last result, however late they come", async () => {
    const first = await follow(TEXT);
    sources[0]?.give(1);
    expect(await valueOf(first)).toBe(1);
    const late = await follow(TEXT);
    expect(await valueOf(late)).toBe(1);
    sources[0]?.give(2);
    expect([await valueOf(first), await valueOf(late)]).toEqual([2, 2]);
    expect(resolved).toBe(2);
  });

  it("hold the newest result that they have not taken, and take it before the end", async () => {
    const [quick, slow] = [await follow(TEXT), await follow(TEXT)];
    for (const value of [1, 2, 3]) {
      sources[0]?.give(value);
      expect(await valueOf(quick)).toBe(value);
    }
    sources[0]?.give(null);
    expect(await valueOf(quick)).toBe("done");
    expect([await valueOf(slow), await valueOf(slow)]).toEqual([3, "done"]);
  });

  it("leave one by one; the last one ends the execution, and the next one begins anew", async () => {
    const [one, two] = [await follow(TEXT), await follow(TEXT)];
    const pending = one.next();
    await one.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    await settle();
    expect(sources[0]?.returned).toBe(0);
    await two.return?.();
    await settle();
    expect(sources[0]?.returned).toBe(1);
    await follow(TEXT);
    expect(sources).toHaveLength(2);
  });

  it("all hear of a source that breaks", async () => {
    const [one, two] = [await follow(TEXT), await follow(TEXT)];
    const reads = Promise.allSettled([one.next(), two.next()]);
    await settle();
    sources[0]?.give(new Error("broken"));
    expect((await reads).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await valueOf(one)).toBe("done");
  });
});

describe("subscribers who ask something else", () => {
  it.each([
    ["another document", [TEXT, "subscription { taskProgress  }"], [null, null]],
    [
      "other variables",
      ["subscription ($n: Int) { taskProgress(n: $n) }", "subscription ($n: Int) { taskProgress(n: $n) }"],
      [{ n: 1 }, { n: 2 }],
    ],
    ["a field that is not shared", ["subscription { tasksProgress }", "subscription { tasksProgress }"], [null, null]],
  ])("are executed by themselves: %s", async (_what, texts, variables) => {
    for (const [index, text] of texts.entries()) await follow(text, variables[index] ?? null);
    expect(sources).toHaveLength(2);
  });

  it("are refused together, and may ask again", async () => {
    const text = "subscription { taskProgress(n: -1) }";
    const ask = async (): Promise<Outcome> => shared.subscribe({ schema, document: parse(text) });
    for (const outcome of [...(await Promise.all([ask(), ask()])), await ask()]) {
      expect(outcome).toMatchObject({ errors: [{ message: "refused" }] });
    }
  });
});
