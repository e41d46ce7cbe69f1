import { describe, expect, it } from "@jest/globals";
import { chooseUpstream, type Upstream } from "../../src/commands/upstream.js";
import { ConfigurationError } from "../../src/errors.js";
import { completeOptions, parseOptions, settings, type CommandOptions } from "../../src/options/options.js";

type Environment = Readonly<Record<string, string>>;

const key = { ALIBABA_CLOUD_ACCESS_KEY_ID: "LTAI5tHunter2Id", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "hunter2-secret" };
const production = { NODE_ENV: "production" };

/** The options of an environment, and which IMM they choose. */
function parse(environment: Environment): CommandOptions & { readonly upstream: Upstream } {
  const options = parseOptions({ environment });
  return { ...options, upstream: chooseUpstream(options) };
}

/** The sentence that an environment is refused with. */
function refusalOf(given: Environment): string {
  try {
    parse(given);
  } catch (thrown) {
    if (thrown instanceof ConfigurationError) return thrown.message;
    throw thrown;
  }
  throw new Error(`Expected a refusal of ${JSON.stringify(given)}`);
}

const HOSTS =
  "a list of one or more host names such as api.example.com, without scheme, port and wildcard, and with other letters " +
  'than ASCII\'s in the form xn--, or "*" for every name';

/** They mean nothing without another limit. */
const ALWAYS_SET: ReadonlySet<string> = new Set(["callBurst", "trustedProxies"]);

const NETWORKS =
  "a list of one or more addresses such as 10.0.0.1, ranges such as 10.0.0.0/8 or fd00::/8, or loopback, linklocal, uniquelocal";

describe("without any setting", () => {
  it("the gateway serves made-up data to this machine, with the explorers", () => {
    expect(parse({})).toMatchObject({
      host: "127.0.0.1",
      port: 4_000,
      explorer: true,
      corsOrigins: ["localhost"],
      readOnly: false,
      onlyPersistedOperations: false,
      redactDefinitions: true,
      federation: false,
      reportCalls: false,
      logLevel: "info",
      upstream: { kind: "emulator" },
    });
  });

  it("numbers are the library's defaults", () => {
    for (const { name, range } of settings) {
      if (range === undefined) continue;
      expect(Reflect.get(parse({}), name)).toBe(Reflect.get(completeOptions({}, false), name));
    }
  });
});

describe("each setting", () => {
  it("is read from its text", () => {
    const given = {
      PORT: "0",
      HOST: "0.0.0.0",
      EXPLORER: "false",
      CORS_ORIGINS: "https://app.example.com, http://localhost:3000",
      READ_ONLY: "true",
      PERSISTED_OPERATIONS: "manifest.json",
      ONLY_PERSISTED_OPERATIONS: "true",
      REDACT_DEFINITIONS: "0",
      FEDERATION: "0",
      REPORT_CALLS: "1",
      LOG_LEVEL: "silent",
      MAX_KEYS: "7",
    };
    expect(parse(given)).toMatchObject({
      host: "0.0.0.0",
      port: 0,
      explorer: false,
      corsOrigins: ["https://app.example.com", "http://localhost:3000"],
      readOnly: true,
      persistedOperations: "manifest.json",
      onlyPersistedOperations: true,
      redactDefinitions: false,
      federation: false,
      reportCalls: true,
      logLevel: "silent",
      maxKeys: 7,
      upstream: { kind: "emulator" },
    });
  });

  it.each([
    ["true", true],
    ["1", true],
    ["false", false],
    ["0", false],
  ])("that is a toggle reads %j as %j", (text, expected) => {
    expect(parse({ EXPLORER: text }).explorer).toBe(expected);
  });

  it.each([
    ["*", ["*"]],
    ["localhost", ["localhost"]],
    ["localhost,https://a.example", ["localhost", "https://a.example"]],
    [" https://a.example:8443 ", ["https://a.example:8443"]],
  ])("that is a list of origins reads %j", (text, expected) => {
    expect(parse({ CORS_ORIGINS: text }).corsOrigins).toEqual(expected);
  });

  it.each([
    ["*", ["*"]],
    ["api.example.com, [2001:db8::1],localhost", ["api.example.com", "[2001:db8::1]", "localhost"]],
    ["xn--bcher-kva.example", ["xn--bcher-kva.example"]],
  ])("that is a list of hosts reads %j", (text, expected) => {
    expect(parse({ ALLOWED_HOSTS: text }).allowedHosts).toEqual(expected);
  });

  it("that is a list of proxies reads addresses, ranges and their names", () => {
    const text = "loopback, 10.0.0.0/8,192.0.2.1, fd00::/8 ,::1";
    expect(parse({ TRUSTED_PROXIES: text }).trustedProxies).toEqual([
      "loopback",
      "10.0.0.0/8",
      "192.0.2.1",
      "fd00::/8",
      "::1",
    ]);
  });

  it.each([
    ["PORT", "abc", "an integer from 0 to 65535"],
    ["PORT", "65536", "an integer from 0 to 65535"],
    ["PORT", "-1", "an integer from 0 to 65535"],
    ["PORT", "1.5", "an integer from 0 to 65535"],
    ["PORT", "1e3", "an integer from 0 to 65535"],
    ["PORT", "0x10", "an integer from 0 to 65535"],
    ["PORT", " 80", "an integer from 0 to 65535"],
    ["ONLY_PERSISTED_OPERATIONS", "always", "true or false"],
    ["EXPLORER", "yes", "true or false"],
    ["REDACT_DEFINITIONS", "off", "true or false"],
    ["IMM_EMULATOR", "maybe", "true or false"],
    ["LOG_LEVEL", "verbose", "one of trace, debug, info, warn, error, fatal, silent"],
    ["CORS_ORIGINS", "app.example.com", 'a list of origins such as https://app.example.com, "*" or "localhost"'],
    ["CORS_ORIGINS", "https://a.example/path", 'a list of origins such as https://app.example.com, "*" or "localhost"'],
    ["IMM_PROJECTS", "a,,b", "a list of one or more names"],
    ["ALLOWED_HOSTS", "*.example.com", HOSTS],
    ["ALLOWED_HOSTS", "api.*", HOSTS],
    ["ALLOWED_HOSTS", "bücher.example", HOSTS],
    ["ALLOWED_HOSTS", "https://api.example.com", HOSTS],
    ["ALLOWED_HOSTS", "api.example.com:443", HOSTS],
    ["TRUSTED_PROXIES", "proxy.example.com", NETWORKS],
    ["TRUSTED_PROXIES", "10.0.0.0/33", NETWORKS],
    ["TRUSTED_PROXIES", "0.0.0.0/0", NETWORKS],
    ["TRUSTED_PROXIES", "fd00::/129", NETWORKS],
    ["TRUSTED_PROXIES", "10.0.0.1,", NETWORKS],
    ["TRUSTED_PROXIES", "*", NETWORKS],
    ["MAX_KEYS", "0", "an integer from 1 to 100000"],
    ["MIN_POLL_INTERVAL_MS", "1s", "an integer from 100 to 3600000"],
  ])("%s=%j is refused by its name and what was expected", (env, text, expected) => {
    expect(refusalOf({ [env]: text })).toBe(`${env}: expected ${expected}, got "${text}".`);
  });

  it("that allows persisted operations only turns the explorers off unless they are asked for", () => {
    const only = { PERSISTED_OPERATIONS: "manifest.json", ONLY_PERSISTED_OPERATIONS: "true" };
    expect(parse(only).explorer).toBe(false);
    expect(parse({ ONLY_PERSISTED_OPERATIONS: "false" }).explorer).toBe(true);
    expect(refusalOf({ ...only, EXPLORER: "true" })).toBe(
      "ONLY_PERSISTED_OPERATIONS contradicts EXPLORER, whose documents are in no manifest.",
    );
    expect(refusalOf({ ONLY_PERSISTED_OPERATIONS: "true" })).toBe(
      "ONLY_PERSISTED_OPERATIONS needs a manifest in PERSISTED_OPERATIONS.",
    );
  });

  it("is repeated no further than a hundred characters", () => {
    expect(refusalOf({ PORT: "x".repeat(500) })).toBe(
      `PORT: expected an integer from 0 to 65535, got "${"x".repeat(100)}".`,
    );
  });

  it("is refused one at a time", () => {
    expect(refusalOf({ PORT: "abc", LOG_LEVEL: "verbose" })).toMatch(/^PORT: [^.]*\.$/);
  });

  it("has a name, an effect and a fallback of its own", () => {
    const names = settings.map(({ env }) => env);
    expect(new Set(names).size).toBe(names.length);
    const flags = settings.flatMap(({ flag }) => flag ?? []);
    expect(new Set(flags).size).toBe(flags.length);
    for (const { effect, fallback, expected, placeholder } of settings) {
      for (const text of [effect, fallback, expected, placeholder]) expect(text).not.toBe("");
    }
  });
});

describe("a number", () => {
  const numbers = settings.flatMap(({ range, ...setting }) => (range === undefined ? [] : [{ ...setting, range }]));
  const wide = { MIN_POLL_INTERVAL_MS: "100", MAX_POLL_INTERVAL_MS: "3600000" };

  it.each(numbers)("that is $env is read at both ends of its range, and refused beyond", (setting) => {
    const { name, env, range, expected } = setting;
    for (const value of [range.min, range.max]) {
      expect(Reflect.get(parse({ ...wide, [env]: String(value) }), name)).toBe(value);
    }
    expect(refusalOf({ [env]: String(range.max + 1) })).toBe(`${env}: expected ${expected}, got "${range.max + 1}".`);
  });

  it("has names such as these", () => {
    const ofName = new Map(settings.map(({ name, env, flag }) => [name, [env, flag]]));
    expect(ofName.get("minPollIntervalMs")).toEqual(["MIN_POLL_INTERVAL_MS", "min-poll-interval-ms"]);
    expect(ofName.get("breakerThreshold")).toEqual(["BREAKER_THRESHOLD", "breaker-threshold"]);
    expect(ofName.get("projects")).toEqual(["IMM_PROJECTS", "imm-projects"]);
  });

  it("that is the shortest poll interval may not be above the longest", () => {
    expect(refusalOf({ MIN_POLL_INTERVAL_MS: "5000", MAX_POLL_INTERVAL_MS: "4000" })).toBe(
      "Expected MIN_POLL_INTERVAL_MS to be at most MAX_POLL_INTERVAL_MS (4000), got `5000`.",
    );
    expect(refusalOf({ MIN_POLL_INTERVAL_MS: "15001" })).toContain("at most MAX_POLL_INTERVAL_MS (15000)");
    expect(parse({ MIN_POLL_INTERVAL_MS: "4000", MAX_POLL_INTERVAL_MS: "4000" })).toMatchObject({
      minPollIntervalMs: 4_000,
      maxPollIntervalMs: 4_000,
    });
  });
});

describe("a flag", () => {
  it("wins over its variable, and is named where it does not parse", () => {
    expect(parseOptions({ environment: { PORT: "abc" }, flags: { port: "80" } }).port).toBe(80);
    expect(() => parseOptions({ flags: { "max-keys": "0" } })).toThrow(
      new ConfigurationError('--max-keys: expected an integer from 1 to 100000, got "0".'),
    );
    expect(() => parseOptions({ flags: { host: "" } })).toThrow('--host: expected a text that is not empty, got "".');
  });
});

describe("the upstream", () => {
  it("is IMM's public endpoint when a region is set", () => {
    expect(parse({ IMM_REGION: "cn-shanghai" }).upstream).toEqual({
      kind: "imm",
      region: "cn-shanghai",
      endpoint: { protocol: "https", host: "imm.cn-shanghai.aliyuncs.com" },
      accessKey: undefined,
    });
  });

  it("is the endpoint that is set, whatever the region, and may be plain HTTP", () => {
    const given = { IMM_REGION: "cn-shanghai", IMM_ENDPOINT: "http://127.0.0.1:4010", ...key };
    expect(parse(given).upstream).toEqual({
      kind: "imm",
      region: "cn-shanghai",
      endpoint: { protocol: "http", host: "127.0.0.1:4010" },
      accessKey: {
        accessKeyId: key.ALIBABA_CLOUD_ACCESS_KEY_ID,
        accessKeySecret: key.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
        securityToken: undefined,
      },
    });
    expect(parse({ IMM_REGION: "new-region", IMM_ENDPOINT: "https://imm.example" }).upstream).toMatchObject({
      endpoint: { protocol: "https", host: "imm.example" },
    });
  });

  it("is of the region that the endpoint names, and asks for it where it names none", () => {
    const vpc = "https://imm-vpc.cn-hangzhou.aliyuncs.com";
    expect(parse({ IMM_ENDPOINT: vpc }).upstream).toMatchObject({ region: "cn-hangzhou" });
    expect(refusalOf({ IMM_ENDPOINT: vpc, IMM_REGION: "cn-shanghai" })).toBe(
      'IMM_REGION: expected cn-hangzhou, which IMM_ENDPOINT names, got "cn-shanghai".',
    );
    expect(refusalOf({ IMM_ENDPOINT: "https://imm.example" })).toBe(
      "IMM_REGION: expected the region behind IMM_ENDPOINT to be set, such as cn-hangzhou or, for the emulator, emulator: its host does not name one, and it is a part of every task's id.",
    );
    expect(refusalOf({ IMM_REGION: "Hangzhou 1" })).toBe(
      'IMM_REGION: expected a region such as cn-hangzhou, got "Hangzhou 1".',
    );
    expect(parse({}).upstream).toEqual({ kind: "emulator", region: "emulator" });
  });

  it("is called with a temporary key when a token is set", () => {
    const given = { IMM_REGION: "cn-hangzhou", ...key, ALIBABA_CLOUD_SECURITY_TOKEN: "hunter2-token" };
    expect(parse(given).upstream).toMatchObject({ accessKey: { securityToken: "hunter2-token" } });
  });

  it("is refused when the region is not on the map", () => {
    expect(refusalOf({ IMM_REGION: "cn-nowhere" })).toMatch(
      /^IMM_REGION: expected a region of IMM, such as .*, got "cn-nowhere"; for another one set IMM_ENDPOINT\.$/,
    );
  });

  it("is refused when the endpoint is no bare URL", () => {
    expect(refusalOf({ IMM_ENDPOINT: "imm.example" })).toBe(
      'IMM_ENDPOINT: expected a URL such as https://imm-vpc.cn-hangzhou.aliyuncs.com, without a path, got "imm.example".',
    );
  });

  it("is refused when both the emulator and IMM are asked for", () => {
    const sentence = "IMM_EMULATOR=true contradicts IMM_REGION and IMM_ENDPOINT: unset one of them.";
    expect(refusalOf({ IMM_EMULATOR: "true", IMM_REGION: "cn-hangzhou" })).toBe(sentence);
    expect(refusalOf({ IMM_EMULATOR: "true", IMM_ENDPOINT: "https://imm.example" })).toBe(sentence);
    expect(parse({ IMM_EMULATOR: "false", IMM_REGION: "cn-hangzhou" }).upstream.kind).toBe("imm");
  });

  it("is refused when the emulator is turned off and nothing stands in its place", () => {
    expect(refusalOf({ IMM_EMULATOR: "false" })).toBe(
      "IMM_REGION or IMM_ENDPOINT: expected one of them to be set; IMM_EMULATOR=true serves made-up data instead.",
    );
  });
});

describe("in production", () => {
  it("made-up data has to be asked for", () => {
    expect(refusalOf(production)).toBe(
      "IMM_REGION or IMM_ENDPOINT: expected one of them to be set; IMM_EMULATOR=true serves made-up data instead.",
    );
    expect(parse({ ...production, IMM_EMULATOR: "true" }).upstream).toEqual({ kind: "emulator", region: "emulator" });
  });

  it("the explorers are off and no web page may call, unless told", () => {
    const given = { ...production, IMM_REGION: "cn-hangzhou" };
    expect(parse(given)).toMatchObject({ explorer: false, corsOrigins: [] });
    expect(parse({ ...given, EXPLORER: "true", CORS_ORIGINS: "https://a.example" })).toMatchObject({
      explorer: true,
      corsOrigins: ["https://a.example"],
    });
  });

  it("there are limits per caller and address, each of which can be lifted; a program has those that it sets", () => {
    const given = { ...production, IMM_REGION: "cn-hangzhou" };
    const limits = settings.filter(({ section, name }) => section.startsWith("Limits per") && !ALWAYS_SET.has(name));
    expect(limits).toHaveLength(14);
    for (const { name, env } of limits) {
      const valueOf = (options: object): unknown => Reflect.get(options, name);
      expect(valueOf(parse(given))).toBeGreaterThan(0);
      expect(valueOf(parse({ ...given, [env]: "0" }))).toBe(0);
      expect(valueOf(parse({}))).toBe(0);
      expect(valueOf(completeOptions({}, false))).toBe(0);
    }
  });

  it.each(["development", "test", "staging", "Production"])("is not meant by NODE_ENV=%s", (name) => {
    expect(parse({ NODE_ENV: name })).toMatchObject({ explorer: true, upstream: { kind: "emulator" } });
  });
});

describe("secrets", () => {
  it("need their other half", () => {
    const sentence =
      "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET: expected both to be set, or neither, and a security token only beside them.";
    for (const [env, value] of Object.entries(key)) {
      const refusal = refusalOf({ IMM_REGION: "cn-hangzhou", [env]: value });
      expect(refusal).toBe(sentence);
      expect(refusal).not.toContain(value);
    }
  });

  it("have no flag, since flags can be seen by everybody on the machine", () => {
    const unflagged = settings.filter(({ flag }) => flag === null).map(({ env }) => env);
    expect(unflagged).toEqual([
      "ALIBABA_CLOUD_ACCESS_KEY_ID",
      "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
      "ALIBABA_CLOUD_SECURITY_TOKEN",
      "NODE_ENV",
      "REDIS_URL",
    ]);
  });

  it.each([
    "hunter2",
    "http://user:hunter2@redis.example.com",
    "redis:hunter2",
    "redis://user:hunter2@redis.example.com:port",
    "redis://redis.example.com/hunter2",
    "redis://redis.example.com/?password=hunter2",
    "redis://redis.example.com/0#hunter2",
  ])("in %j, which is no place of a Redis, are not repeated", (url) => {
    const expected =
      "a URL such as redis://localhost:6379 or rediss://user:password@redis.example.com:6379/0, without a query";
    expect(refusalOf({ REDIS_URL: url })).toBe(`REDIS_URL: expected ${expected}.`);
    expect(() => completeOptions({ redisUrl: url }, false)).toThrow(
      new ConfigurationError(`Expected \`redisUrl\` to be ${expected}, got another value, which is not shown.`),
    );
  });

  it("of a place of a Redis are taken as they are, and its prefix is a plain one", () => {
    for (const redisUrl of [
      "redis://localhost",
      "rediss://:hun%2Fter2@[::1]:6380/15",
      "redis://u:p@redis.example.com/",
    ]) {
      expect(parse({ REDIS_URL: redisUrl }).redisUrl).toBe(redisUrl);
    }
    expect(parse({}).redisPrefix).toBe("imm-graphql");
    for (const prefix of ["a b", "{a}", "é", "a".repeat(65)]) {
      expect(refusalOf({ REDIS_PREFIX: prefix })).toMatch(
        /^REDIS_PREFIX: expected 1 to 64 letters, digits and _\.:-, got /,
      );
    }
  });

  it.each<Environment>([
    { PORT: "abc" },
    { IMM_REGION: "cn-nowhere" },
    { IMM_ENDPOINT: "nowhere" },
    { IMM_EMULATOR: "false" },
    { IMM_EMULATOR: "true", IMM_REGION: "cn-hangzhou" },
    { ...production },
    { MAX_KEYS: "0" },
  ])("are not repeated when %j is refused beside them", (given) => {
    expect(refusalOf({ ...key, ALIBABA_CLOUD_SECURITY_TOKEN: "hunter2-token", ...given })).not.toMatch(/hunter2/i);
  });

  it("in an endpoint are not repeated", () => {
    expect(refusalOf({ IMM_ENDPOINT: "https://user:hunter2@imm.example" })).not.toContain("hunter2");
    expect(refusalOf({ IMM_ENDPOINT: "https://imm.example/?AccessKeySecret=hunter2" })).not.toContain("hunter2");
  });
});
