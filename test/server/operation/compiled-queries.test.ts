import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  astFromValue,
  execute,
  type ExecutionArgs,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isNonNullType,
  parse,
  print,
  validate,
  type ExecutionResult,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLInputType,
} from "graphql";
import { EVERYBODY, type Grant } from "../../../src/access/principal.js";
import { NotFoundError, UpstreamInvalidResponseError, UpstreamTimeoutError } from "../../../src/errors.js";
import type { ImmClient, ImmTask, ImmTaskInfo } from "../../../src/imm/imm-client.js";
import { completeOptions } from "../../../src/options/options.js";
import { createSchema } from "../../../src/schema/build-schema.js";
import type { GatewayContext } from "../../../src/schema/context.js";
import { CallTally } from "../../../src/tasks/call-tally.js";
import { createTaskServices, Tasks } from "../../../src/tasks/tasks.js";
import { toGlobalTaskId } from "../../../src/tasks/task-id.js";
import { CompiledQueries, compile } from "../../../src/server/operation/compiled-queries.js";
import { priceOperation } from "../../../src/server/operation/price.js";
import { createFormatError } from "../../../src/server/operation/format-error.js";
import { HISTORIES } from "../../support/histories.js";
import { ManualClock } from "../../support/manual-clock.js";
import { RecordingLogger } from "../../support/recording-logger.js";
import { QUICK_LIMITS } from "../../support/start-gateway.js";
import { uncalled } from "../../support/uncalled.js";

// A compiled query answers as graphql-js does: data, the order of its members, and errors.

const REGION = "cn-hangzhou";
const NOW = Date.UTC(2026, 0, 2);
const schema = createSchema({ federation: true });

const misfit = new UpstreamInvalidResponseError("Expected UserData of IMM's answer to be of type string.");
const plain = {
  taskType: "MediaConvert",
  tags: { a: "b" },
  userData: '{"n": 1.50}',
  eventId: "event",
  requestId: "request",
};
const ENDED = { startTime: "2026-01-01T00:00:00.123456789Z", endTime: "2026-01-01T00:01:00Z" };
const tasks: Readonly<Record<string, ImmTask & ImmTaskInfo>> = {
  done: {
    ...plain,
    ...ENDED,
    taskId: "done",
    status: "Succeeded",
    taskRequestDefinition: '{"Targets":[{"URI":"oss://a/b"}],"Password":"p"}',
  },
  failed: {
    ...plain,
    ...ENDED,
    taskId: "failed",
    status: "Failed",
    code: "NoSuchKey",
    message: "There is none.",
    tags: undefined,
  },
  running: { ...plain, taskId: "running", status: "Running", progress: 42, startTime: "2026-01-01T23:59:00Z" },
  odd: {
    ...plain,
    taskId: "odd",
    status: "Paused",
    userData: misfit,
    startTime: misfit,
    endTime: misfit,
    taskRequestDefinition: "no JSON",
  },
};

const client: ImmClient = {
  getTask: async ({ taskId }) => {
    if (taskId === "slow") throw new UpstreamTimeoutError("IMM did not answer in time.");
    const task = tasks[taskId];
    if (task === undefined)
      throw new NotFoundError("IMM knows no such task.", { imm: { code: "ResourceNotFound", requestId: "r" } });
    return task;
  },
  listTasks: async ({ projectName }) => {
    if (projectName === "gone") throw new NotFoundError("IMM knows no such project.", { isOfProject: true });
    return { requestId: "list", tasks: Object.values(tasks), nextToken: undefined };
  },
  getResult: uncalled.getResult,
  createTask: uncalled.createTask,
};

const keys = [...Object.keys(tasks), "missing", "slow", ""].map((taskId) => ({
  projectName: "immtest",
  taskType: "MediaConvert",
  taskId,
}));
const ids = [...keys.slice(0, 5).map((key) => toGlobalTaskId({ region: REGION, ...key })), "no id"];
const representations = [
  ...keys.slice(0, 4).map((key) => ({ __typename: "Task", region: REGION, ...key })),
  { __typename: "Album" },
];

/** By coordinate, else by name: what an argument may be. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  key: keys,
  keys: [keys, keys.slice(0, 2), [], keys.slice(2, 3)],
  id: ids,
  ids: [ids, ids.slice(0, 2), []],
  projectName: ["immtest", "gone", "", "other"],
  filter: [{}, { status: "FAILED" }, { taskTypes: ["MediaConvert"] }, { tag: { key: "a=", value: "b" } }],
  orderBy: [{ field: "START_TIME", direction: "DESC" }],
  first: [1, 3, 1_000, 0],
  after: ["no cursor"],
  timeoutMs: [0, -1],
  representations: [representations, []],
};

type Draw = <T>(arbitrary: fc.Arbitrary<T>) => T;

/** One document that is drawn, and its variables. */
class DrawnQuery {
  readonly #draw: Draw;
  readonly #definitions: string[] = [];
  readonly #fragments: string[] = [];
  readonly variables: Record<string, unknown> = {};
  readonly text: string;

  constructor(draw: Draw) {
    this.#draw = draw;
    const root = schema.getQueryType();
    if (!root) throw new Error("There are no queries.");
    const body = this.#selectionOf(root, 3);
    const definitions = this.#definitions.length === 0 ? "" : `(${this.#definitions.join(", ")})`;
    this.text = [`query Drawn${definitions} ${body}`, ...this.#fragments].join("\n");
  }

  #one<T>(values: readonly T[]): T {
    return this.#draw(fc.constantFrom(...values));
  }

  #chance(percent: number): boolean {
    return this.#draw(fc.integer({ min: 1, max: 100 })) <= percent;
  }

  #selectionOf(type: GraphQLCompositeType, depth: number): string {
    const count = this.#draw(fc.integer({ min: 1, max: 4 }));
    const selections = Array.from({ length: count }, () => this.#select(type, depth));
    return `{ ${selections.join(" ")} }`;
  }

  #select(type: GraphQLCompositeType, depth: number): string {
    if (this.#chance(10)) return `${this.#alias()}__typename${this.#directives()}`;
    const isBare = !("getFields" in type);
    if (isBare || this.#chance(15)) {
      const target = isAbstractType(type) && this.#chance(80) ? this.#one(schema.getPossibleTypes(type)) : type;
      const body = this.#selectionOf(target, depth);
      const directives = this.#directives();
      if (this.#chance(50)) return `... on ${target.name}${directives} ${body}`;
      const name = `F${this.#fragments.length}`;
      this.#fragments.push(`fragment ${name} on ${target.name} ${body}`);
      return `...${name}${directives}`;
    }
    // A wait would need time to go by; its task is read as others are.
    const fields = type.getFields();
    const field = fields[this.#one(Object.keys(fields).filter((name) => name !== "awaitTask"))];
    if (field === undefined) throw new Error("Expected a field.");
    const named = getNamedType(field.type);
    const isDeep = isCompositeType(named);
    if (isDeep && depth === 0) return `${this.#alias()}__typename`;
    const args = field.args.filter((arg) => isNonNullType(arg.type) || this.#chance(30));
    const written = args.map((arg) => `${arg.name}: ${this.#argument(arg)}`);
    const given = written.length === 0 ? "" : `(${written.join(", ")})`;
    return `${this.#alias()}${field.name}${given}${this.#directives()}${isDeep ? ` ${this.#selectionOf(named, depth - 1)}` : ""}`;
  }

  #alias(): string {
    return this.#chance(20) ? `${this.#one(["a", "b", "c", "constructor", "toString"])}: ` : "";
  }

  #directives(percent = 1): string {
    // A query with directives is not compiled: a few are drawn all the same.
    if (!this.#chance(percent)) return "";
    const value = this.#chance(50);
    const condition = this.#chance(50) ? String(value) : this.#variable("Boolean!", value);
    return ` @${this.#one(["skip", "include"])}(if: ${condition})`;
  }

  #argument({ name, type }: GraphQLArgument): string {
    const value = this.#one(VALUES[name] ?? [null]);
    // A query with a text in it is not compiled: a few are drawn all the same.
    if (this.#chance(98)) return this.#variable(String(type), value);
    const node = toLiteral(value, type);
    return node ?? this.#variable(String(type), value);
  }

  #variable(type: string, value: unknown): string {
    const name = `v${this.#definitions.length}`;
    this.#definitions.push(`$${name}: ${type}`);
    this.variables[name] = value;
    return `$${name}`;
  }
}

function toLiteral(value: unknown, type: GraphQLInputType): string | null {
  try {
    const node = astFromValue(value, type);
    return node ? print(node) : null;
  } catch {
    return null;
  }
}

function makeContext(grants: readonly Grant[]): GatewayContext {
  const clock = new ManualClock(NOW);
  const options = { ...completeOptions({}, false), ...QUICK_LIMITS };
  const services = createTaskServices({ ...options, client, clock, logger: new RecordingLogger() });
  const tally = new CallTally();
  const { signal } = new AbortController();
  return {
    ...options,
    region: REGION,
    clock,
    tally,
    reportsCalls: false,
    end: () => undefined,
    tasks: new Tasks(services, { principal: { caller: "", grants }, tally, signal }),
  };
}

const format = createFormatError(new RecordingLogger(), { hasSuggestions: false });

/** A result as text: what has no order has one here. */
function toText({ data, errors = [] }: ExecutionResult): string {
  const formatted = errors.map((error) => {
    const { extensions, ...rest } = format(error);
    return JSON.stringify({ ...rest, extensions: { ...extensions, errorId: undefined } });
  });
  return `${JSON.stringify(data)}\n${formatted.toSorted((a, b) => (a < b ? -1 : 1)).join("\n")}`;
}

const LIMITS = { maxOperationCost: 100_000, maxCallsPerOperation: 10_000, maxCreatesPerOperation: 0 };
const READER: readonly Grant[] = [{ projects: [{ name: "immtest", isPrefix: false }], allow: ["read"] }];

describe("a compiled query", () => {
  it("answers as graphql-js does, whatever is asked", async () => {
    let compiledOnes = 0;
    await fc.assert(
      fc.asyncProperty(fc.gen(), fc.constantFrom(EVERYBODY.grants, READER), async (draw, grants) => {
        const query = new DrawnQuery((arbitrary) => draw(() => arbitrary));
        // As the pipeline has it.
        const document = parse(query.text, { noLocation: true });
        // Fields of one name with other arguments cannot be merged, and such.
        fc.pre(validate(schema, document).length === 0);
        const { variables } = query;
        const priced = priceOperation({ schema, document, operationName: "Drawn", variables }, LIMITS);
        fc.pre("count" in priced);
        const queries = new CompiledQueries(schema, 0);
        const args = (): ExecutionArgs => ({
          schema,
          document,
          contextValue: makeContext(grants),
          variableValues: variables,
          operationName: "Drawn",
        });
        const expected = toText(await queries.execute(args()));
        await queries.idle;
        compiledOnes += queries.size;
        expect([query.text, toText(await queries.execute(args()))]).toEqual([query.text, expected]);
      }),
      { numRuns: HISTORIES * 1.5, endOnFailure: true },
    );
    expect(compiledOnes).toBeGreaterThan(HISTORIES / 4);
    // Ten times as many runs, and slow machines.
  }, 300_000);
});

/** What graphql-jit 0.8 takes for the beginning of code. */
const MARKER = "__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74d";

describe("queries", () => {
  const QUERY = "query One($key: TaskKeyInput!) { task(key: $key) { id status } }";

  it.each([
    ["a mutation", 'mutation { rerunTask(input: { id: "a" }) { isNew } }'],
    ["a subscription", 'subscription { taskProgress(key: { projectName: "a", taskType: "b", taskId: "c" }) { id } }'],
    ["a text, which would become code", `{ node(id: "${MARKER}globalThis.isBroken = true") { id } }`],
    ["a text in a default", `query ($id: ID = "${MARKER}1") { node(id: $id) { id } }`],
    ["a text in an object", `{ task(key: { projectName: "a", taskType: "b", taskId: "c" }) { id } }`],
    ["a text in a block", '{ node(id: """a""") { id } }'],
    ["a member that would be none", "{ taskTypes { __proto__: name } }"],
    ["a field with @include", "query ($a: Boolean!) { taskTypes { name @include(if: $a) } }"],
    ["an inline fragment with @skip", "{ taskTypes { ... @skip(if: true) { name } } }"],
    ["a spread with @include", "{ taskTypes { ...F @include(if: false) name } } fragment F on TaskType { mutation }"],
    ["a result", '{ node(id: "a") { ... on Task { result { __typename } } } }'],
    ["introspection", "{ __schema { queryType { name } } }"],
    ["a long document", `{ ${Array.from({ length: 300 }, (_value, index) => `a${index}: __typename`).join(" ")} }`],
  ])("are not compiled with %s", async (_what, text) => {
    expect(await compile(schema, parse(text), undefined)).toBeNull();
  });

  it("are compiled once they come often, and answer the same before and after", async () => {
    const queries = new CompiledQueries(schema);
    const document = parse(QUERY, { noLocation: true });
    const variableValues = { key: keys[0] };
    const answers = new Set<string>();
    for (let turn = 0; turn < 60; turn += 1) {
      const contextValue = makeContext(EVERYBODY.grants);
      answers.add(
        toText(await queries.execute({ schema, document, contextValue, operationName: "One", variableValues })),
      );
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await queries.idle;
    expect(queries.size).toBe(1);
    const contextValue = makeContext(EVERYBODY.grants);
    answers.add(
      toText(await queries.execute({ schema, document, contextValue, operationName: "One", variableValues })),
    );
    expect(answers.size).toBe(1);
    const wrong = { schema, document, contextValue, operationName: "One", variableValues: { key: 1 } };
    expect(toText(await queries.execute(wrong))).toBe(toText(await execute(wrong)));
  });
});
