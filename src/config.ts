/**
 * Every setting of the command: environment name, flag, range, default. Parses text or refuses with one sentence.
 *
 * `cli.ts` hands in the environment and the flags; nothing here touches `process`. The numbers come from the gateway's
 * own table of limits, so a limit that is added there is a setting here.
 */

import * as v from "valibot";
import { ConfigurationError } from "./errors.js";
import { endpointOfRegion, parseEndpoint, type Endpoint } from "./imm/endpoints.js";
import type { AccessKey } from "./imm/openapi-client.js";
import { limitNames, limits, parseLimits, type GatewayLimits } from "./server/limits.js";
import { LOCAL_ORIGINS } from "./server/transports/origins.js";

/** How a kind of value is written, and read from text. */
interface Kind<T> {
  /** What a value looks like, for example `<integer>`. */
  readonly placeholder: string;
  /** What is expected, as the refusal says it. */
  readonly expected: string;
  readonly schema: v.GenericSchema<string, T>;
}

/** One setting, as the help and the manual show it. */
export interface Setting<T = unknown> extends Kind<T> {
  /** For example `PORT`. */
  readonly env: string;
  /** For example `port`; null where a flag would show a secret to everybody on the machine, or the name is not ours. */
  readonly flag: string | null;
  readonly effect: string;
  /** What holds when it is not set, in words. */
  readonly fallback: string;
}

/** What to serve, and how. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly explorer: boolean;
  readonly corsOrigins: readonly string[];
  readonly projects: readonly string[] | undefined;
  readonly readOnly: boolean;
  /** The path of the manifest. */
  readonly persistedOperations: string | undefined;
  readonly onlyPersistedOperations: boolean;
  readonly redactDefinitions: boolean;
  readonly federation: boolean;
  readonly reportCalls: boolean;
  readonly logLevel: string;
  readonly limits: GatewayLimits;
  readonly upstream: UpstreamSettings;
}

/** Which IMM: the real one, or the embedded emulator's made-up data. */
export type UpstreamSettings =
  | { readonly kind: "emulator" }
  | { readonly kind: "imm"; readonly endpoint: Endpoint; readonly accessKey: AccessKey | undefined };

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

function integer(min: number, max: number): Kind<number> {
  return {
    placeholder: "<integer>",
    expected: `an integer from ${min} to ${max}`,
    schema: v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number), v.minValue(min), v.maxValue(max)),
  };
}

const text: Kind<string> = {
  placeholder: "<text>",
  expected: "a text that is not empty",
  schema: v.pipe(v.string(), v.nonEmpty()),
};

const toggle: Kind<boolean> = {
  placeholder: "<true|false>",
  expected: "true or false",
  schema: v.pipe(
    v.picklist(["true", "1", "false", "0"]),
    v.transform((text) => text === "true" || text === "1"),
  ),
};

const originList: Kind<readonly string[]> = {
  placeholder: "<origins>",
  expected: `origins such as https://app.example.com with commas between them, "*", or "${LOCAL_ORIGINS}"`,
  schema: v.pipe(
    v.string(),
    v.transform((list) => list.split(",").map((origin) => origin.trim())),
    v.array(v.union([v.picklist(["*", LOCAL_ORIGINS]), v.pipe(v.string(), v.check(isOrigin))])),
  ),
};

const nameList: Kind<readonly string[]> = {
  placeholder: "<names>",
  expected: "names with commas between them",
  schema: v.pipe(
    v.string(),
    v.transform((list) => list.split(",").map((name) => name.trim())),
    v.array(v.pipe(v.string(), v.nonEmpty())),
  ),
};

/** Whether the text is what a browser sends as the origin of a page. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text && !text.includes("*");
}

/** The settings that are no limits, in the order of the help. */
const ownSettings = {
  port: { env: "PORT", flag: "port", ...integer(0, 65_535), fallback: "4000", effect: "the port; 0 takes a free one" },
  host: {
    env: "HOST",
    flag: "host",
    ...text,
    fallback: "127.0.0.1",
    effect: "the address to listen on; 0.0.0.0 for all. The gateway asks nobody who they are",
  },
  region: {
    env: "IMM_REGION",
    flag: "imm-region",
    ...text,
    fallback: "none: the embedded emulator",
    effect: "the region of IMM, for example cn-hangzhou; gives the public endpoint",
  },
  endpoint: {
    env: "IMM_ENDPOINT",
    flag: "imm-endpoint",
    ...text,
    placeholder: "<url>",
    fallback: "that of the region",
    effect: "IMM's endpoint as a URL: a VPC host, a proxy, an emulator; http:// is allowed. Wins over the region",
  },
  projects: {
    env: "IMM_PROJECTS",
    flag: "imm-projects",
    ...nameList,
    fallback: "all that the account may read",
    effect: "the projects that clients may ask for; others are FORBIDDEN without a call",
  },
  emulator: {
    env: "IMM_EMULATOR",
    flag: "imm-emulator",
    ...toggle,
    fallback: "true without region and endpoint, unless NODE_ENV=production",
    effect: "serve the made-up data of the embedded emulator",
  },
  accessKeyId: {
    env: "ALIBABA_CLOUD_ACCESS_KEY_ID",
    flag: null,
    ...text,
    fallback: "the vendor's chain: OIDC role, profile file, ECS role, credentials URI",
    effect: "the AccessKey's id",
  },
  accessKeySecret: {
    env: "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    flag: null,
    ...text,
    fallback: "as above",
    effect: "the AccessKey's secret",
  },
  securityToken: {
    env: "ALIBABA_CLOUD_SECURITY_TOKEN",
    flag: null,
    ...text,
    fallback: "none",
    effect: "the token of a temporary AccessKey",
  },
  explorer: {
    env: "EXPLORER",
    flag: "explorer",
    ...toggle,
    fallback: "true, unless NODE_ENV=production or ONLY_PERSISTED_OPERATIONS=true",
    effect: "Apollo Sandbox at /graphql, GraphiQL at /graphiql, introspection",
  },
  corsOrigins: {
    env: "CORS_ORIGINS",
    flag: "cors-origins",
    ...originList,
    fallback: "localhost, or none if NODE_ENV=production",
    effect: "which web pages may use the gateway, over HTTP and WebSocket",
  },
  readOnly: {
    env: "READ_ONLY",
    flag: "read-only",
    ...toggle,
    fallback: "false",
    effect: "refuse the mutations, which start tasks and cost money, with FORBIDDEN and without a call",
  },
  persistedOperations: {
    env: "PERSISTED_OPERATIONS",
    flag: "persisted-operations",
    ...text,
    placeholder: "<file>",
    fallback: "none",
    effect: "a manifest of documents that clients may name by id: Apollo's, or an object of documents by id",
  },
  onlyPersistedOperations: {
    env: "ONLY_PERSISTED_OPERATIONS",
    flag: "only-persisted-operations",
    ...toggle,
    fallback: "false",
    effect: "execute nothing but the documents of the manifest, through any door",
  },
  redactDefinitions: {
    env: "REDACT_DEFINITIONS",
    flag: "redact-definitions",
    ...toggle,
    fallback: "true",
    effect: "replace passwords and role names in request definitions",
  },
  federation: {
    env: "FEDERATION",
    flag: "federation",
    ...toggle,
    fallback: "false",
    effect: "serve the schema as a subgraph of Apollo Federation 2",
  },
  reportCalls: {
    env: "REPORT_CALLS",
    flag: "report-calls",
    ...toggle,
    fallback: "false",
    effect:
      "say in extensions.imm of every answer what it cost; else where the header imm-extensions: true asks for it",
  },
  logLevel: {
    env: "LOG_LEVEL",
    flag: "log-level",
    placeholder: "<level>",
    expected: `one of ${LOG_LEVELS.join(", ")}`,
    schema: v.picklist(LOG_LEVELS),
    fallback: "info",
    effect: "the least severe log line that is written, as JSON, to standard error",
  },
  nodeEnv: {
    env: "NODE_ENV",
    flag: null,
    ...text,
    fallback: "development",
    effect: "production turns the explorers and the made-up data off unless they are asked for",
  },
} satisfies Record<string, Setting>;

function limitSetting(name: keyof GatewayLimits): Setting<number> {
  const { min, max, default: fallback, effect } = limits[name];
  const words = name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  return {
    env: words.toUpperCase(),
    flag: words.toLowerCase().replaceAll("_", "-"),
    ...integer(min, max),
    fallback: String(fallback),
    effect,
  };
}

const limitSettings = Object.fromEntries(limitNames.map((name) => [name, limitSetting(name)])) as Readonly<
  Record<keyof GatewayLimits, Setting<number>>
>;

/** Every setting, in the order of the help. */
export const settings: readonly Setting[] = [...Object.values(ownSettings), ...Object.values(limitSettings)];

/** The texts that were given, by environment name; a flag's text stands under its setting's name. */
export type GivenTexts = Readonly<Record<string, string | undefined>>;

/** The values of a table of settings; undefined where nothing was given. */
type Parsed<Table> = { readonly [Name in keyof Table]: Table[Name] extends Setting<infer T> ? T | undefined : never };

/**
 * Reads the settings.
 *
 * @throws ConfigurationError - naming the first setting that does not parse, or what contradicts what.
 */
export function parseSettings(given: GivenTexts): Settings {
  const own = parseAll(ownSettings, given);
  const isProduction = own.nodeEnv === "production";
  const onlyPersistedOperations = own.onlyPersistedOperations ?? false;
  return {
    host: own.host ?? "127.0.0.1",
    port: own.port ?? 4_000,
    explorer: own.explorer ?? !(isProduction || onlyPersistedOperations),
    corsOrigins: own.corsOrigins ?? (isProduction ? [] : [LOCAL_ORIGINS]),
    projects: own.projects,
    readOnly: own.readOnly ?? false,
    persistedOperations: own.persistedOperations,
    onlyPersistedOperations,
    redactDefinitions: own.redactDefinitions ?? true,
    federation: own.federation ?? false,
    reportCalls: own.reportCalls ?? false,
    logLevel: own.logLevel ?? "info",
    limits: parseLimits(parseAll(limitSettings, given)),
    upstream: chooseUpstream(own, isProduction),
  };
}

function parseAll<Table extends Readonly<Record<string, Setting>>>(table: Table, given: GivenTexts): Parsed<Table> {
  const entries = Object.entries(table).map(([name, { env, expected, schema, flag }]) => {
    const value = given[env];
    if (value === undefined) return [name, undefined] as const;
    const result = v.safeParse(schema, value);
    if (result.success) return [name, result.output] as const;
    // A setting without a flag may be a secret: its text is not repeated.
    const got = flag === null ? "" : `, got "${value.slice(0, 100)}"`;
    throw new ConfigurationError(`${env}: expected ${expected}${got}.`);
  });
  return Object.fromEntries(entries) as Parsed<Table>;
}

function chooseUpstream(own: Parsed<typeof ownSettings>, isProduction: boolean): UpstreamSettings {
  const isImmSet = own.region !== undefined || own.endpoint !== undefined;
  if (own.emulator === true && isImmSet) {
    throw new ConfigurationError("IMM_EMULATOR=true contradicts IMM_REGION and IMM_ENDPOINT: unset one of them.");
  }
  if (own.emulator === true || (!isImmSet && own.emulator === undefined && !isProduction)) return { kind: "emulator" };
  const endpoint = chooseEndpoint(own.region, own.endpoint);
  if (endpoint === undefined) {
    throw new ConfigurationError(
      "IMM_REGION or IMM_ENDPOINT: expected one of them to be set; IMM_EMULATOR=true serves made-up data instead.",
    );
  }
  return { kind: "imm", endpoint, accessKey: chooseAccessKey(own) };
}

function chooseEndpoint(region: string | undefined, endpoint: string | undefined): Endpoint | undefined {
  if (endpoint !== undefined) return parseEndpoint(endpoint);
  return region === undefined ? undefined : endpointOfRegion(region);
}

function chooseAccessKey(own: Parsed<typeof ownSettings>): AccessKey | undefined {
  const { accessKeyId, accessKeySecret, securityToken } = own;
  if (accessKeyId !== undefined && accessKeySecret !== undefined) {
    return { accessKeyId, accessKeySecret, securityToken };
  }
  if (accessKeyId === undefined && accessKeySecret === undefined && securityToken === undefined) return undefined;
  throw new ConfigurationError(
    "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET: expected both to be set, or neither, and a security token only beside them.",
  );
}
