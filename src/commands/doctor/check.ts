/**
 * What a check is, and how checks wait for each other: each is a step that begins as soon as those that it needs have a value,
 * is over by its deadline, and never rejects. All that can go on side by side does.
 */

import type { Clock } from "../../clock.js";
import { ConfigurationError, GatewayError, toError } from "../../errors.js";

/** `skipped`: it could not be looked at, or is not. */
export type Status = "ok" | "warning" | "failed" | "skipped";

/** One line of the report. */
export interface Check {
  /** For example `clock` or `project:my-project`. Stable, and each is there once. */
  readonly id: string;
  readonly status: Status;
  /** What was seen. Holds no secret. */
  readonly message: string;
  /** What mends it; undefined where nothing is to be mended. */
  readonly cure?: string | undefined;
  /** One sentence each, where there are several reasons. */
  readonly details?: readonly string[] | undefined;
}

/** What a step has seen, and what the steps behind it need: undefined where they cannot be taken. */
export interface Finding<T = undefined> {
  readonly checks: readonly Check[];
  readonly value?: T | undefined;
  /** Where there is no value: the id of the step that is at fault. */
  readonly fault?: string | undefined;
}

/** One step of the examination. */
export interface Step<T> {
  readonly id: string;
  readonly finding: Promise<Finding<T>>;
}

/** What the steps that one needs have found. */
type ValuesOf<Needs extends readonly Step<unknown>[]> = {
  readonly [Index in keyof Needs]: Needs[Index] extends Step<infer T> ? NonNullable<T> : never;
};

/** How long a step may take, in milliseconds, from when it begins. No chain of steps that may all wait is longer than three. */
export const STEP_TIMEOUT_MS = 4_000;
/** In it a step whose time is over says in its own words what it waited for. */
const LAST_WORDS_MS = 200;

/**
 * Takes a step.
 *
 * @param work - what is thrown is a check that failed: with its words where they are the house's, else with its class alone. The
 * signal is aborted when the time is over.
 */
export type TakeStep = <const Needs extends readonly Step<unknown>[], T>(
  id: string,
  needs: Needs,
  work: (values: ValuesOf<Needs>, signal: AbortSignal) => Finding<T> | Promise<Finding<T>>,
) => Step<T>;

/** @param clock - for the deadlines. */
export function createTakeStep(clock: Clock): TakeStep {
  return (id, needs, work) => {
    const begin = async (): ReturnType<typeof take> => {
      const findings = await Promise.all(needs.map(async ({ finding }) => finding));
      const missing = findings.find(({ value }) => value === undefined);
      if (missing !== undefined) {
        const { fault = "another check" } = missing;
        return { checks: [skipped(id, `Not looked at, since ${fault} is not right.`)], fault };
      }
      return take(findings.map(({ value }) => value) as unknown as Parameters<typeof work>[0]);
    };
    const take = async (values: Parameters<typeof work>[0]): Promise<Awaited<ReturnType<typeof work>>> => {
      try {
        const finding = await withinTime(clock, async (signal) => work(values, signal));
        return { fault: id, ...finding };
      } catch (thrown) {
        return { checks: [failed(id, wordsOf(thrown), CURES[id])], fault: id };
      }
    };
    return { id, finding: begin() };
  };
}

/** What mends a step as a whole, where its refusal does not say it. */
const CURES: Readonly<Record<string, string>> = {
  upstream: "Correct these settings; docs/operating.md shows which a real account needs.",
  credentials:
    "Set the two variables, or give the machine a role: docs/operating.md has the order in which credentials are looked for.",
  access: "Correct that place of the file; docs/access.md shows its form. A gateway does not start with it.",
  caller: "`--as` takes the path of a file with a token, or `-` for standard input.",
  task: "`--task` is the `id` of a task, as a query shows it.",
  redis: "It goes beside imm-graphql, into the same node_modules.",
  documents: "Correct the manifest; docs/trusted-documents.md shows how it is made. A gateway does not start with it.",
};

/** What was thrown, as a report may show it. */
export function wordsOf(thrown: unknown): string {
  const error = toError(thrown);
  if (error instanceof ConfigurationError || error instanceof GatewayError || error instanceof OverdueError) {
    return error.message;
  }
  const { name, code } = error as NodeJS.ErrnoException;
  return `It failed for a reason that is not known (${code ?? name}).`;
}

/** Thrown by what was not over in time. */
class OverdueError extends Error {}

/** What the work gives. @throws OverdueError - when that is not over in time; the work goes on unless it minds the signal. */
async function withinTime<T>(clock: Clock, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  return new Promise((resolve, reject) => {
    let timer = clock.setTimer(STEP_TIMEOUT_MS, () => {
      controller.abort();
      const message = `There was no answer within ${STEP_TIMEOUT_MS / 1_000} seconds.`;
      timer = clock.setTimer(LAST_WORDS_MS, () => reject(new OverdueError(message)));
    });
    work(controller.signal)
      .finally(() => timer.cancel())
      .then(resolve, reject);
  });
}

export function ok(id: string, message: string, details?: readonly string[]): Check {
  return { id, status: "ok", message, details };
}

export function warning(id: string, message: string, cure?: string, details?: readonly string[]): Check {
  return { id, status: "warning", message, cure, details };
}

export function failed(id: string, message: string, cure?: string, details?: readonly string[]): Check {
  return { id, status: "failed", message, cure, details };
}

export function skipped(id: string, message: string): Check {
  return { id, status: "skipped", message };
}
