/**
 * The one table of options. From a row follow its environment variable and flag, what the command reads, what
 * `createGateway` checks, the help and the manual.
 *
 * `cli.ts` hands in the environment and the flags, `gateway.ts` what a program gave; nothing here touches `process`. A new
 * option is a row in one of the sections beside this file.
 */

import * as v from "valibot";
import { ConfigurationError, toError } from "../errors.js";
import { access } from "./access.js";
import { calls } from "./calls.js";
import { documents } from "./documents.js";
import { following } from "./following.js";
import { limits } from "./limits.js";
import { listening } from "./listening.js";
import { memory } from "./memory.js";
import { observing } from "./observing.js";
import { operations } from "./operations.js";
import { clip, expectation, secretExpectation } from "./refusal.js";
import type { Option, Rows, Section, ValuesOf } from "./row.js";
import { serving } from "./serving.js";
import { sharing } from "./sharing.js";
import { upstream } from "./upstream.js";

const sections: readonly Section[] = [
  listening,
  access,
  upstream,
  serving,
  observing,
  limits,
  documents,
  operations,
  following,
  memory,
  calls,
  sharing,
];

const gatewayRows = {
  ...listening.gateway,
  ...access.gateway,
  ...upstream.gateway,
  ...serving.gateway,
  ...observing.gateway,
  ...limits.gateway,
  ...documents.gateway,
  ...operations.gateway,
  ...following.gateway,
  ...memory.gateway,
  ...calls.gateway,
  ...sharing.gateway,
};

const commandRows = { ...access.command, ...upstream.command, ...serving.command, ...documents.command };

/** Every option of `createGateway` that can be written as text, complete. */
export type Options = ValuesOf<typeof gatewayRows>;

/** Those, as a program gives them. */
export type GivenOptions = { readonly [Name in keyof Options]?: Options[Name] | undefined };

/** Every option of the command, complete. */
export type CommandOptions = Options & ValuesOf<typeof commandRows>;

/** One option, as the help and the manual show it. */
export interface Setting {
  /** What a flag's value looks like, for example `<integer>`. */
  readonly placeholder: string;
  /** What is expected, as a refusal says it. */
  readonly expected: string;
  /** Of a number: its bounds, both included. */
  readonly range?: { readonly min: number; readonly max: number };
  /** What it does, and what happens at a bound. */
  readonly effect: string;
  /** For example `maxKeys`: what `createGateway` calls it, unless it is of the command alone. */
  readonly name: string;
  readonly section: string;
  /** For example `MAX_KEYS`. */
  readonly env: string;
  /** For example `max-keys`; null where a flag would show a secret to every user of the machine, or the name is not ours. */
  readonly flag: string | null;
  /** The command's default, in words. */
  readonly fallback: string;
  readonly isOfCommandAlone: boolean;
}

/** Every option, in the order of the help. */
export const settings: readonly Setting[] = sections.flatMap(({ title, gateway, command }) => [
  ...toSettings(title, gateway, false),
  ...toSettings(title, command, true),
]);

function toSettings(section: string, rows: Rows, isOfCommandAlone: boolean): Setting[] {
  return Object.entries(rows).map(([name, row]) => {
    const fallback = row.fallback ?? fallbackOf(row);
    return { ...row, name, section, env: envOf(name, row), flag: flagOf(name, row), fallback, isOfCommandAlone };
  });
}

function fallbackOf({ default: always, production, development = always }: Option): string {
  const usual = toWords(development);
  return production === undefined ? usual : `${usual}, or ${toWords(production)} if NODE_ENV=production`;
}

function toWords(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function envOf(name: string, { env }: Option): string {
  return env ?? name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function flagOf(name: string, { flag, isSecret }: Option): string | null {
  if (isSecret === true || name === "nodeEnv") return null;
  return flag ?? name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What the command was given. */
export interface GivenTexts {
  /** By variable. One that is set to nothing is not set: that is how container files leave things out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** By flag, without its dashes. A flag wins over its variable. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads the command's options.
 *
 * @throws ConfigurationError - naming the first one that does not parse, what was expected and the value that was given,
 * or what contradicts what.
 */
export function parseOptions(given: GivenTexts): CommandOptions {
  const read = (rows: Rows): Record<string, unknown> =>
    Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, parseText(name, row, given)]));
  const texts = { ...read(gatewayRows), ...read(commandRows) };
  const isProduction = texts["nodeEnv"] === "production";
  const onlyPersisted = texts["onlyPersistedOperations"] === true;
  const rows = { ...gatewayRows, ...commandRows };
  const entries = Object.entries<Option>(rows).map(([name, row]) => {
    // Their documents are in no manifest.
    if (name === "explorer" && onlyPersisted) return [name, texts[name] ?? false];
    return [name, texts[name] ?? (isProduction ? row.production : row.development) ?? row.default];
  });
  const options = Object.fromEntries(entries) as CommandOptions;
  refuseContradictions(options, options.persistedOperations !== undefined, (name) => envOf(name, rows[name]));
  return options;
}

/** What is wrong with each option that does not parse: one sentence for each, in the order of the table. */
export function faultsOf(given: GivenTexts): readonly string[] {
  return Object.entries<Option>({ ...gatewayRows, ...commandRows }).flatMap(([name, row]) => {
    try {
      parseText(name, row, given);
      return [];
    } catch (thrown) {
      return [toError(thrown).message];
    }
  });
}

function parseText(name: string, row: Option, { environment = {}, flags = {} }: GivenTexts): unknown {
  const flag = flagOf(name, row);
  const fromFlag = flag === null ? undefined : flags[flag];
  const text = fromFlag ?? environment[envOf(name, row)];
  if (text === undefined || (text === "" && fromFlag === undefined)) return undefined;
  const result = v.safeParse(row.text, text);
  if (result.success) return result.output;
  const shown = row.isSecret === true ? "" : `, got "${clip(text)}"`;
  const given = fromFlag === undefined ? envOf(name, row) : `--${String(flag)}`;
  throw new ConfigurationError(`${given}: expected ${row.expected}${shown}.`);
}

/** The options that `createGateway` takes from the command's. */
export function toGatewayOptions(options: CommandOptions): Options {
  return Object.fromEntries(Object.keys(gatewayRows).map((name) => [name, Reflect.get(options, name)])) as Options;
}

/**
 * Checks what a program gave, which may have no types, and adds the defaults.
 *
 * @param hasManifest - whether there is a manifest of persisted operations.
 * @throws ConfigurationError - naming the option, what was expected and the value that was given.
 */
export function completeOptions(given: Readonly<Record<string, unknown>>, hasManifest: boolean): Options {
  for (const [name, value] of Object.entries(given)) {
    const row = Object.hasOwn(gatewayRows, name) ? (gatewayRows as Rows)[name] : undefined;
    if (row === undefined) throw new ConfigurationError(`There is no option \`${name}\`.`);
    if (value === undefined || v.is(row.value, value)) continue;
    throw row.isSecret === true ? secretExpectation(name, row.expected) : expectation(name, row.expected, value);
  }
  const entries = Object.entries<Option>(gatewayRows).map(([name, row]) => [name, given[name] ?? row.default]);
  const options = Object.fromEntries(entries) as Options;
  refuseContradictions(options, hasManifest, (name) => `\`${name}\``);
  return options;
}

/** Whether there is a board. It asks for fields by their names, which a prefix changes. */
export function isBoardOn({ board, explorer, federationPrefix }: Options): boolean {
  return board ?? (explorer && federationPrefix === undefined);
}

/** @param nameOf - how the caller knows an option: by its variable, or by its name in a program. */
function refuseContradictions(
  options: Options,
  hasManifest: boolean,
  nameOf: (name: keyof CommandOptions) => string,
): void {
  const { minPollIntervalMs, maxPollIntervalMs } = options;
  if (minPollIntervalMs > maxPollIntervalMs) {
    throw new ConfigurationError(
      `Expected ${nameOf("minPollIntervalMs")} to be at most ${nameOf("maxPollIntervalMs")} (${maxPollIntervalMs}), got \`${minPollIntervalMs}\`.`,
    );
  }
  const { port, metricsPort } = options;
  if (metricsPort !== undefined && metricsPort !== 0 && metricsPort === port) {
    throw new ConfigurationError(
      `Expected ${nameOf("metricsPort")} to be another port than ${nameOf("port")} (${port}).`,
    );
  }
  if (options.federationPrefix !== undefined && !options.federation) {
    throw new ConfigurationError(`${nameOf("federationPrefix")} parts ${nameOf("federation")}.`);
  }
  if (options.board === true && options.federationPrefix !== undefined) {
    throw new ConfigurationError(
      `${nameOf("board")} contradicts ${nameOf("federationPrefix")}, which changes the names of the fields that the board asks for.`,
    );
  }
  if (!options.onlyPersistedOperations) return;
  const refuse = (reason: string): never => {
    throw new ConfigurationError(`${nameOf("onlyPersistedOperations")} ${reason}.`);
  };
  if (!hasManifest) refuse(`needs a manifest in ${nameOf("persistedOperations")}`);
  if (options.explorer) refuse(`contradicts ${nameOf("explorer")}, whose documents are in no manifest`);
  if (options.board === true) refuse(`contradicts ${nameOf("board")}, whose documents are in no manifest`);
  if (options.federation) refuse(`contradicts ${nameOf("federation")}, whose router writes documents of its own`);
  if (options.maxAutomaticQueryBytes > 0) {
    refuse(`contradicts ${nameOf("maxAutomaticQueryBytes")}, which lets clients add documents`);
  }
}
