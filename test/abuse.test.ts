import { afterEach, describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION } from "../src/emulator/emulator.js";
import { ConfigurationError } from "../src/errors.js";
import type { ImmClient } from "../src/imm/imm-client.js";
import { completeOptions, settings, type GivenOptions } from "../src/options/options.js";
import { createGateway, type Gateway, type GatewayOptions } from "../src/server/gateway.js";
import { uncalled } from "./support/uncalled.js";

/** A client that nobody calls. */
const client: ImmClient = uncalled;

const gateways: Gateway[] = [];

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

function create(options: Partial<GatewayOptions> = {}): Gateway {
  const gateway = createGateway({ client, port: 0, ...options, region: EMULATOR_REGION });
  gateways.push(gateway);
  return gateway;
}

/** The one sentence that an action is refused with. */
function refusalOf(action: () => unknown): string {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof ConfigurationError) return thrown.message;
    throw thrown;
  }
  throw new Error("Expected a refusal.");
}

/** Options as a caller without types may give them. */
function given(values: Readonly<Record<string, unknown>>): GivenOptions {
  return values;
}

const numbers = settings.flatMap(({ name, range, expected }) =>
  range === undefined ? [] : [{ name, expected, ...range }],
);

describe("a number", () => {
  it.each<[value: unknown, shown: string]>([
    [0, "`0` (number)"],
    [-1, "`-1` (number)"],
    [1.5, "`1.5` (number)"],
    [100_001, "`100001` (number)"],
    [Number.NaN, "`NaN` (number)"],
    [Infinity, "`Infinity` (number)"],
    ["5", "`5` (string)"],
    ["", "`` (string)"],
    ["x".repeat(200), `\`${"x".repeat(100)}\` (string)`],
    [null, "`null` (null)"],
    [true, "`true` (boolean)"],
    [["a", 5, null, undefined], "`[a, 5, null, undefined]` (array)"],
    [["x".repeat(60), "y".repeat(60)], `\`[${"x".repeat(60)}, ${"y".repeat(37)}\` (array)`],
    [Symbol("five"), "`Symbol(five)` (symbol)"],
    [5n, "`5` (bigint)"],
  ])("of %p is refused, showing it and its type", (value, shown) => {
    const sentence = `Expected \`maxKeys\` to be an integer from 1 to 100000, got ${shown}.`;
    expect(refusalOf(() => completeOptions({ maxKeys: value }, false))).toBe(sentence);
    expect(refusalOf(() => createGateway({ client, ...given({ maxKeys: value }), region: EMULATOR_REGION }))).toBe(
      sentence,
    );
  });

  it.each<[value: unknown, shown: string]>([
    [{ accessKeySecret: "hunter2" }, "an object"],
    [Object.create(null), "an object"],
    [() => "hunter2", "a function"],
    [[{ accessKeySecret: "hunter2" }, ["hunter2"], () => "hunter2"], "`[an object, an array, a function]` (array)"],
  ])("of %p is refused without what it holds, which may be a secret", (value, shown) => {
    const sentence = `Expected \`maxKeys\` to be an integer from 1 to 100000, got ${shown}.`;
    expect(refusalOf(() => createGateway({ client, ...given({ maxKeys: value }), region: EMULATOR_REGION }))).toBe(
      sentence,
    );
  });

  it.each(numbers)("named $name is refused below and above its range", ({ name, min, max, expected }) => {
    for (const value of [min - 1, max + 1]) {
      expect(refusalOf(() => completeOptions({ [name]: value }, false))).toBe(
        `Expected \`${name}\` to be ${expected}, got \`${value}\` (number).`,
      );
    }
  });

  it.each(numbers)("named $name is accepted at both ends of its range, and has a default", ({ name, min, max }) => {
    const wide = { minPollIntervalMs: 100, maxPollIntervalMs: 3_600_000 };
    for (const value of [min, max]) {
      expect(Reflect.get(completeOptions({ ...wide, [name]: value }, false), name)).toBe(value);
    }
    const fallback: unknown = Reflect.get(completeOptions({}, false), name);
    // Without it there are no metrics.
    expect(fallback === undefined).toBe(name === "metricsPort");
    expect(fallback ?? min).toBeGreaterThanOrEqual(min);
    expect(Reflect.get(completeOptions({ [name]: undefined }, false), name)).toBe(fallback);
  });

  it("that contradicts another is refused with both", () => {
    const sentence = "Expected `minPollIntervalMs` to be at most `maxPollIntervalMs` (1000), got `1001`.";
    const contradiction = { minPollIntervalMs: 1_001, maxPollIntervalMs: 1_000 };
    expect(refusalOf(() => createGateway({ region: EMULATOR_REGION, client, ...contradiction }))).toBe(sentence);
  });
});

const HOSTS =
  "a list of one or more host names such as api.example.com, without scheme, port and wildcard, and with other letters " +
  'than ASCII\'s in the form xn--, or "*" for every name';

describe("a gateway", () => {
  it("names an option that is wrong before what is missing", () => {
    expect(refusalOf(() => createGateway({ port: -1 } as GatewayOptions))).toBe(
      "Expected `port` to be an integer from 0 to 65535, got `-1` (number).",
    );
  });

  it("needs somebody to talk to", () => {
    const refusalWith = (upstream: Readonly<Record<string, unknown>>): string =>
      refusalOf(() => createGateway(given(upstream) as GatewayOptions));
    const openApi = { callApi: () => undefined };
    expect(refusalWith({})).toBe(
      "Expected `openApi` to be a client of the vendor with `callApi`, or `client` to be an ImmClient.",
    );
    expect(refusalWith({ openApi: {} })).toBe(
      "Expected `openApi` to be a client of the vendor with `callApi`, got an object.",
    );
    expect(refusalWith({ openApi: { accessKeyId: "LTAI5t", accessKeySecret: "hunter2" } })).not.toContain("hunter2");
    expect(refusalWith({ client: null })).toBe("Expected `client` to be an ImmClient, got `null` (null).");
    expect(refusalWith({ client: { getTask: () => null } })).toBe(
      "Expected `client` to be an ImmClient, got an object.",
    );
    expect(refusalWith({ openApi, client })).toBe("Expected one of `openApi` and `client`, got both.");
  });

  it("needs to know the region that it asks", () => {
    expect(refusalOf(() => createGateway({ client } as unknown as GatewayOptions))).toBe(
      "Expected `region` to be the region that is asked, such as cn-hangzhou, got `undefined` (undefined).",
    );
    expect(refusalOf(() => createGateway({ client, region: "Hangzhou!" }))).toBe(
      "Expected `region` to be a region such as cn-hangzhou, got `Hangzhou!` (string).",
    );
  });

  it.each([
    [undefined, "`undefined` (undefined)"],
    [null, "`null` (null)"],
    ["cn-hangzhou", "`cn-hangzhou` (string)"],
  ])("refuses %p in the place of its options", (options, shown) => {
    const sentence = `Expected the options of a gateway to be an object, got ${shown}.`;
    expect(refusalOf(() => createGateway(options as unknown as GatewayOptions))).toBe(sentence);
  });

  it.each([
    [{ port: 70_000 }, "Expected `port` to be an integer from 0 to 65535, got `70000` (number)."],
    [{ host: 5 }, "Expected `host` to be a text that is not empty, got `5` (number)."],
    [{ explorer: "no" }, "Expected `explorer` to be true or false, got `no` (string)."],
    [{ logger: {} }, "Expected `logger` to be a logger such as pino's, got an object."],
    [
      { corsOrigins: "https://app.example.com" },
      'Expected `corsOrigins` to be a list of origins such as https://app.example.com, "*" or "localhost", got `https://app.example.com` (string).',
    ],
    [
      { clock: { setTimer: () => undefined } },
      "Expected `clock` to be a Clock, with now, tick, random and setTimer, got an object.",
    ],
    [{ projects: [1] }, "Expected `projects` to be a list of one or more names, got `[1]` (array)."],
    [{ projects: [] }, "Expected `projects` to be a list of one or more names, got `[]` (array)."],
    [{ allowedHosts: [] }, `Expected \`allowedHosts\` to be ${HOSTS}, got \`[]\` (array).`],
    [{ allowedHosts: ["*.a.example"] }, `Expected \`allowedHosts\` to be ${HOSTS}, got \`[*.a.example]\` (array).`],
    [
      { allowedHosts: ["bücher.example"] },
      `Expected \`allowedHosts\` to be ${HOSTS}, got \`[bücher.example]\` (array).`,
    ],
    [{ persistedOperations: "m.json" }, "Expected `persistedOperations` to be a manifest, got `m.json` (string)."],
    [{ endpoint: "https://imm.example" }, "There is no option `endpoint`."],
    [{ toString: 1 }, "There is no option `toString`."],
    [{ persistedOperations: { a: 1 } }, 'persistedOperations: expected a document under "a", got number.'],
    [
      { persistedOperations: new Map([[1, "{ a }"]]) },
      "persistedOperations: expected every `id` to be a text that is not empty.",
    ],
    [{ onlyPersistedOperations: true }, "`onlyPersistedOperations` needs a manifest in `persistedOperations`."],
    [
      { onlyPersistedOperations: true, persistedOperations: {}, explorer: true },
      "`onlyPersistedOperations` contradicts `explorer`, whose documents are in no manifest.",
    ],
    [
      { onlyPersistedOperations: true, persistedOperations: {}, federation: true },
      "`onlyPersistedOperations` contradicts `federation`, whose router writes documents of its own.",
    ],
    [
      { onlyPersistedOperations: true, persistedOperations: {}, maxAutomaticQueryBytes: 1 },
      "`onlyPersistedOperations` contradicts `maxAutomaticQueryBytes`, which lets clients add documents.",
    ],
    [
      { redis: "redis://:hunter2@localhost" },
      "Expected `redis` to be a client of ioredis, got another value, which is not shown.",
    ],
    [{ redis: { quit: 1 } }, "Expected `redis` to be a client of ioredis, got another value, which is not shown."],
    [
      { redis: { duplicate: () => null, defineCommand: () => null }, redisUrl: "redis://localhost" },
      "Expected one of `redis` and `redisUrl`, got both.",
    ],
    [{ maxRetrys: 3 }, "There is no option `maxRetrys`."],
  ])("refuses the option %j", (options, sentence) => {
    expect(
      refusalOf(() => createGateway({ region: EMULATOR_REGION, client, ...options } as unknown as GatewayOptions)),
    ).toBe(sentence);
  });

  it.each([
    ["does not parse", "{", "Syntax Error: Expected Name, found <EOF>."],
    ["does not fit the schema", "{ nothing }", 'Cannot query field "nothing" on type "Query".'],
    ["asks for the schema", "{ __schema { description } }", "Introspection is off"],
    ["has too many tokens", `{ ${"__typename ".repeat(20)} }`, "Syntax Error: Document contains more that 20 tokens"],
  ])("does not start with a document in its manifest that %s", async (_what, document, reason) => {
    const documents = { good: "{ __typename }", bad: document };
    const gateway = create({ persistedOperations: documents, persistedOperationsSource: "m.json", maxQueryTokens: 20 });
    await expect(gateway.start()).rejects.toThrow(`m.json: the document "bad" cannot be executed: ${reason}`);
  });

  it("starts only once", async () => {
    const gateway = create();
    await gateway.start();
    await expect(gateway.start()).rejects.toThrow(new ConfigurationError("A gateway can be started only once."));
  });

  it("starts only once even when the first start is still under way", async () => {
    const gateway = create();
    const starts = await Promise.allSettled([gateway.start(), gateway.start()]);
    expect(starts.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(starts[1]).toMatchObject({ reason: new ConfigurationError("A gateway can be started only once.") });
  });

  it("does not start after it was stopped", async () => {
    const gateway = create();
    await gateway.stop();
    await expect(gateway.start()).rejects.toThrow(new ConfigurationError("A gateway can be started only once."));
  });

  it("stops as often as one likes, started or not", async () => {
    const idle = create();
    await idle.stop();
    await expect(idle.stop()).resolves.toBeUndefined();
    const running = create();
    await running.start();
    await Promise.all([running.stop(), running.stop()]);
    await expect(running.stop()).resolves.toBeUndefined();
  });

  it("names the port that is taken, and the address that is not this machine's", async () => {
    const { port } = await create().start();
    await expect(create({ port }).start()).rejects.toMatchObject({
      name: "ConfigurationError",
      message: `Cannot listen on 127.0.0.1:${port}: it is in use by another program.`,
      cause: { code: "EADDRINUSE" },
    });
    await expect(create({ host: "192.0.2.1", insecureNoAuth: true }).start()).rejects.toMatchObject({
      name: "ConfigurationError",
      message: "Cannot listen on 192.0.2.1:0: it is not an address of this machine.",
    });
    // A name that has no address now may have one later: it is not taken for this machine's.
    await expect(create({ host: "no-such-name.invalid" }).start()).rejects.toMatchObject({
      name: "ConfigurationError",
      message: expect.stringMatching(
        /^Cannot listen on no-such-name\.invalid:0: it is (not an address|a name that cannot)/,
      ),
    });
  });

  it("may be started again when its port was taken", async () => {
    const taken = create();
    const { port } = await taken.start();
    const gateway = create({ port });
    await expect(gateway.start()).rejects.toThrow(ConfigurationError);
    await taken.stop();
    expect(await gateway.start()).toEqual({ url: `http://127.0.0.1:${port}`, port });
  });
});
