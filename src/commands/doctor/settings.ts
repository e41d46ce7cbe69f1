/** The settings by themselves: each parses, none contradicts another, and none says what was hardly meant. */

import { closest, distance } from "fastest-levenshtein";
import { REGIONS } from "../../imm/wire/endpoints.js";
import { faultsOf, parseOptions, settings, type CommandOptions } from "../../options/options.js";
import type { Environment } from "../command.js";
import type { ServeFlags } from "../serve.js";
import { failed, ok, warning, wordsOf, type Check, type Finding } from "./check.js";

const CURE = "Give it such a value, or unset it; docs/settings.md lists all settings.";

/** Every setting that does not parse, else the first contradiction; and what is odd in the rest. */
export function checkSettings(flags: ServeFlags, environment: Environment): Finding<CommandOptions> {
  const given = { flags, environment };
  const faults = faultsOf(given);
  if (faults.length > 0) {
    const names = faults.map(nameIn);
    const checks = names.map((name, index) => failed(`settings:${name}`, faults[index] ?? "", CURE));
    return { checks: [...checks, ...warningsBeside(names, flags, environment)] };
  }
  let options: CommandOptions;
  try {
    options = parseOptions(given);
  } catch (thrown) {
    return { checks: [failed("settings", wordsOf(thrown), "Change or unset one of the two.")] };
  }
  const count = settings.filter(({ env, flag }) => isSet(environment[env]) || isSet(flags[flag ?? ""])).length;
  const message = `The settings can be read: ${count} of ${settings.length} are given, the others have their defaults.`;
  return { checks: [ok("settings", message), ...oddities(options), ...strangers(environment)], value: options };
}

/** What is odd where these variables and flags are left out; of the options only where the others fit each other. */
function warningsBeside(names: readonly string[], flags: ServeFlags, environment: Environment): Check[] {
  const without = <T extends object>(given: T, prefix: string): T =>
    Object.fromEntries(Object.entries(given).filter(([name]) => !names.includes(prefix + name))) as T;
  let ofOptions: Check[] = [];
  try {
    ofOptions = oddities(parseOptions({ flags: without(flags, "--"), environment: without(environment, "") }));
  } catch {
    // A contradiction is named when what does not parse is mended.
  }
  return [...ofOptions, ...strangers(environment)];
}

/** The variable or flag that a refusal begins with. */
function nameIn(fault: string): string {
  return fault.slice(0, fault.indexOf(":"));
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text !== "";
}

/** What has no effect together, or one that was hardly meant. */
function oddities(options: CommandOptions): Check[] {
  const { nodeEnv, host, explorer, insecureNoAuth, accessFile, region, endpoint, emulator, accessKeyId } = options;
  const checks: Check[] = [];
  const note = (name: string, message: string, cure: string): void =>
    void checks.push(warning(`settings:${name}`, message, cure));
  if (nodeEnv !== "production" && /^prod/i.test(nodeEnv)) {
    note("NODE_ENV", `NODE_ENV=${nodeEnv} is not production.`, "Set NODE_ENV=production.");
  }
  if (explorer && !/^(127\.|localhost$|::1$)/.test(host)) {
    note(
      "EXPLORER",
      `The explorers and the whole schema are shown to all that reach HOST=${host}.`,
      "Set NODE_ENV=production, which sets the limits of callers too, or EXPLORER=false.",
    );
  }
  if (insecureNoAuth && accessFile !== undefined) {
    note(
      "INSECURE_NO_AUTH",
      "INSECURE_NO_AUTH=true has no effect beside ACCESS_FILE: callers are asked who they are.",
      "Unset INSECURE_NO_AUTH.",
    );
  }
  if (emulator === true && nodeEnv === "production") {
    note("IMM_EMULATOR", "IMM_EMULATOR=true serves made-up data in production.", "Unset it, and set IMM_REGION.");
  }
  if (accessKeyId !== undefined && region === undefined && endpoint === undefined) {
    note(
      "ALIBABA_CLOUD_ACCESS_KEY_ID",
      "An AccessKey is set, but no IMM_REGION: it is not used.",
      "Set IMM_REGION, for example IMM_REGION=cn-hangzhou.",
    );
  }
  if (endpoint !== undefined && region !== undefined && !REGIONS.includes(region)) {
    const nearest = closest(region, REGIONS);
    if (distance(region, nearest) <= MAX_SLIPS) {
      note(
        "IMM_REGION",
        `IMM_REGION=${region} is no region of IMM that is known, and it is a part of every task's id.`,
        `Is it ${nearest}? Another name is right for a region of your own.`,
      );
    }
  }
  return checks;
}

/** So many letters of a name may be wrong. */
const MAX_SLIPS = 2;
/** Of a shorter name only one may be, and shorter ones still are near each other by chance. */
const [LONG_LENGTH, MIN_LENGTH] = [8, 5];

/** Variables that are no settings, but are spelled nearly as one. */
function strangers(environment: Environment): Check[] {
  const known = new Set(settings.map(({ env }) => env));
  const checks: Check[] = [];
  for (const name of Object.keys(environment)) {
    if (known.has(name) || name.length < MIN_LENGTH || !isSet(environment[name])) continue;
    const nearest = closest(name, [...known]);
    if (distance(name, nearest) > (name.length < LONG_LENGTH ? 1 : MAX_SLIPS)) continue;
    checks.push(
      warning(`settings:${name}`, `The variable ${name} is no setting, and nothing reads it.`, `Is it ${nearest}?`),
    );
  }
  return checks;
}
