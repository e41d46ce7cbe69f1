/**
 * The command `doctor`: looks at all that a start of `serve` with the same settings depends on, through the same code, and says
 * of each what is right, or what is wrong and what mends it. It starts no task, and changes nothing.
 */

import { DEMO_PROJECT } from "../emulator/names.js";
import { version, type CommandIo, type Environment } from "./command.js";
import { checkAccess } from "./doctor/access.js";
import { checkAccount } from "./doctor/account.js";
import { checkCaller, readToken } from "./doctor/caller.js";
import { createTakeStep, skipped, type Check, type Step } from "./doctor/check.js";
import { checkClock } from "./doctor/clock-skew.js";
import { checkCredentials } from "./doctor/credentials.js";
import { checkEndpoint } from "./doctor/endpoint.js";
import { projectsIn } from "./doctor/grants.js";
import { checkIssuerKeys } from "./doctor/issuer-keys.js";
import { checkPorts } from "./doctor/ports.js";
import { checkCreates, checkProjects } from "./doctor/projects.js";
import { createPaper, toJson, toLines, toSummary, type Summary } from "./doctor/report.js";
import { checkRedis } from "./doctor/redis.js";
import { checkSettings } from "./doctor/settings.js";
import { checkTask } from "./doctor/task.js";
import { checkUpstream } from "./doctor/upstream.js";
import type { ServeFlags } from "./serve.js";
import { stopAll, type Stop } from "./stop-on-signal.js";

export interface DoctorFlags {
  /** Those of `serve`. */
  readonly settings: ServeFlags;
  /** Whether standard output gets one document of JSON, and nothing else. */
  readonly json?: boolean;
  /** A file with a token of a caller, `-` for standard input. */
  readonly as?: string;
  /** The global id of a task that the caller would read. */
  readonly task?: string;
}

/** Ends the process with 1 where something is wrong, else with 0. */
export async function doctor(flags: DoctorFlags, environment: Environment, io: CommandIo): Promise<void> {
  const stops: Stop[] = [];
  const checks: Check[] = [];
  try {
    const { steps, summaryOf } = examine(flags, environment, io, stops);
    const paper = createPaper(io.stdout, environment);
    for (const { finding } of steps) {
      for (const check of (await finding).checks) {
        checks.push(check);
        if (flags.json !== true) io.stdout.write(toLines(check, paper));
      }
    }
    const summary = await summaryOf();
    io.stdout.write(flags.json === true ? toJson(checks, summary) : toSummary(checks, summary, paper));
  } finally {
    await stopAll(stops);
  }
  // What did not answer in time, such as the search for a name, cannot be taken back, and would hold the process up.
  io.exit(checks.some(({ status }) => status === "failed") ? 1 : 0);
}

/** Takes all steps at once: each waits for those that it needs. In the order of the report. */
function examine(
  { settings: given, as, task }: DoctorFlags,
  environment: Environment,
  { clock }: CommandIo,
  stops: Stop[],
): { readonly steps: readonly Step<unknown>[]; readonly summaryOf: () => Promise<Summary> } {
  const takeStep = createTakeStep(clock);
  const token = as === undefined ? undefined : readToken(as);
  const settings = takeStep("settings", [], () => checkSettings(given, environment));
  const upstream = takeStep("upstream", [settings], async ([options]) => checkUpstream(options, clock, stops));
  const endpoint = takeStep("endpoint", [upstream], async ([target], signal) => checkEndpoint(target, clock, signal));
  const clockStep = takeStep("clock", [endpoint], ([date]) => checkClock(date));
  const credentials = takeStep("credentials", [upstream], async ([target]) => checkCredentials(target));
  const access = takeStep("access", [settings], async ([options]) => checkAccess(options, clock));
  const projectsOf = async (): Promise<readonly string[]> => {
    const [options, target] = [(await settings.finding).value, (await upstream.finding).value];
    const file = (await access.finding).value?.file;
    const named = options?.projects ?? (file === undefined ? [] : projectsIn(file.config));
    return named.length === 0 && target?.isEmulator === true ? [DEMO_PROJECT] : named;
  };
  const account = takeStep("account", [credentials, endpoint], async ([asking], signal) =>
    checkAccount(asking, await projectsOf(), signal),
  );
  const projects = takeStep("project", [account, upstream], async ([account, target], signal) =>
    checkProjects(account, target, await projectsOf(), signal),
  );
  const creates = takeStep("creates", [settings], ([{ readOnly }]) => checkCreates(readOnly));
  const keys = takeStep("keys", [access], async ([rules], signal) => checkIssuerKeys(rules, signal));
  const redis = takeStep("redis", [settings], async ([options], signal) => checkRedis(options, clock, signal));
  const documents = takeStep("documents", [settings], async ([options]) => {
    const { persistedOperations } = options;
    if (persistedOperations === undefined) {
      return { checks: [skipped("documents", "There is no manifest of documents.")] };
    }
    // The schema takes longer to load than all the rest.
    const { checkDocuments } = await import("./doctor/documents.js");
    return checkDocuments(options, persistedOperations);
  });
  const ports = takeStep("port", [settings], async ([options], signal) => checkPorts(options, signal));
  const ofCaller: Step<unknown>[] = [];
  if (as !== undefined || task !== undefined) {
    const caller = takeStep("caller", [access], async ([rules], signal) => checkCaller(rules, token, clock, signal));
    ofCaller.push(caller);
    if (task !== undefined) {
      const needs = [caller, account, upstream, settings] as const;
      ofCaller.push(takeStep("task", needs, async (values) => checkTask(task, ...values, clock)));
    }
  }
  return {
    steps: [
      settings,
      upstream,
      endpoint,
      clockStep,
      credentials,
      account,
      projects,
      creates,
      access,
      keys,
      ...ofCaller,
      redis,
      documents,
      ports,
    ],
    summaryOf: async () => ({
      version,
      isEmulator: (await upstream.finding).value?.isEmulator === true,
      calls: (await credentials.finding).value?.calls ?? 0,
    }),
  };
}
