/**
 * The forms in which instances share what they watch of a project: what they want, how tasks, filters and polls stand, and news. Pure.
 * Each begins with a line of JSON that has a version, and what it carries as text follows in lines of its own. Unknown members are
 * ignored, and what cannot be read counts as not there.
 */

import {
  BadUserInputError,
  CredentialsUnavailableError,
  ForbiddenError,
  GatewayError,
  NotFoundError,
  UpstreamInvalidResponseError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
  type GatewayErrorDetails,
} from "../../errors.js";
import { isRecord } from "../../json.js";
import { fromSharedText, toSharedText, type SharedTime } from "../definition/shared-snapshot.js";
import { mergeParts, NO_PARTS, toKeyText, type TaskKey, type TaskParts } from "../task.js";
import type { TaskSnapshot } from "../snapshot.js";
import { NOBODY_ASKS, type AskedStaleness } from "./poll-plan.js";
import { toFilterText, type DiscoveryFilter, type DiscoveryState } from "./task-discovery.js";

const VERSION = 1;

/** The name of the entry that says how the last poll went. Those of tasks are their key texts, those of filters their filter texts. */
export const POLL = "poll";

/** What instances want to know of a project, all together. */
export interface Wants {
  /** By key text. */
  readonly tasks: ReadonlyMap<string, { readonly key: TaskKey; readonly parts: TaskParts }>;
  /** By filter text. */
  readonly filters: ReadonlyMap<string, { readonly filter: DiscoveryFilter; readonly parts: TaskParts }>;
  readonly asked: AskedStaleness;
}

/** How the last poll went. */
export interface SharedPoll {
  readonly beganTick: number;
  /** Milliseconds from the beginning of one poll to that of the next. */
  readonly intervalMs: number;
  /** Why IMM could not be asked the last time. */
  readonly delay: GatewayError | undefined;
  /** Key texts of the tasks that it has not shown. */
  readonly unseen: ReadonlySet<string>;
  /** By filter text: when its tasks were last listed. */
  readonly listed: ReadonlyMap<string, number>;
}

export interface SharedTask {
  readonly keyText: string;
  readonly snapshot: TaskSnapshot;
  /** Filter texts of the discoveries that have found it. */
  readonly filters: readonly string[];
}

/** Why a task or a filter cannot be followed, by the name of its entry. */
export interface SharedFailure {
  readonly name: string;
  readonly error: Error;
  readonly tick: number;
}

/** What entries say. */
export interface SharedEntries {
  readonly poll: SharedPoll | undefined;
  readonly tasks: readonly SharedTask[];
  readonly filters: ReadonlyMap<string, DiscoveryState>;
  readonly failures: readonly SharedFailure[];
}

/** The text of one want. The project is the one that it is wanted of. */
export function toTaskWant({ taskType, taskId }: TaskKey, parts: TaskParts): string {
  // Secrets are not shared, so a definition with them is asked for by the instance that shows it.
  const definition = parts.definition && !parts.secrets;
  return toText({ taskType, taskId, ...partsOf({ ...parts, definition }) });
}

export function toFilterWant({ taskTypes, tagSelector }: DiscoveryFilter, parts: TaskParts): string {
  const definition = parts.definition && !parts.secrets;
  return toText({ filter: { taskTypes, tagSelector }, ...partsOf({ ...parts, definition }) });
}

/** How old what an instance shows may be. */
export function toStalenessWant({ leastMs, isAskedByAll }: AskedStaleness): string {
  return toText({ leastMs: toNumber(leastMs), isAskedByAll });
}

/** What these texts want together. */
export function readWants(projectName: string, texts: Iterable<string>): Wants {
  const tasks = new Map<string, { readonly key: TaskKey; readonly parts: TaskParts }>();
  const filters = new Map<string, { readonly filter: DiscoveryFilter; readonly parts: TaskParts }>();
  let asked = NOBODY_ASKS;
  for (const text of texts) {
    const want = fromText(text);
    if (want === undefined) continue;
    const { taskType, taskId, filter, isAskedByAll } = want;
    if (typeof taskType === "string" && typeof taskId === "string") {
      const key = { projectName, taskType, taskId };
      const keyText = toKeyText(key);
      tasks.set(keyText, { key, parts: mergeParts(tasks.get(keyText)?.parts ?? NO_PARTS, toParts(want)) });
    } else if (isRecord(filter)) {
      const known = toFilter(filter);
      const filterText = toFilterText(known);
      const parts = mergeParts(filters.get(filterText)?.parts ?? NO_PARTS, toParts(want));
      filters.set(filterText, { filter: known, parts });
    } else if (typeof isAskedByAll === "boolean") {
      const leastMs = Math.min(asked.leastMs, fromNumber(want["leastMs"], Infinity));
      asked = { leastMs, isAskedByAll: asked.isAskedByAll && isAskedByAll };
    }
  }
  return { tasks, filters, asked };
}

export function toTaskEntry({ snapshot, filters }: Omit<SharedTask, "keyText">, time: SharedTime): string {
  return `${toText({ filters })}\n${toSharedText(snapshot, time)}`;
}

export function toFilterEntry({ firstStart, endedTick, ends }: DiscoveryState, time: SharedTime): string {
  return toText({
    firstStart: toNumber(firstStart),
    endedAt: time.timeAt(endedTick),
    ends: [...ends].map(([keyText, end]) => [keyText, toNumber(end)]),
  });
}

export function toFailureEntry({ error, tick }: Omit<SharedFailure, "name">, time: SharedTime): string {
  return toText({ failure: toSharedError(error), at: time.timeAt(tick) });
}

export function toPollEntry(poll: SharedPoll, time: SharedTime): string {
  return toText({
    at: toNumber(time.timeAt(poll.beganTick)),
    intervalMs: poll.intervalMs,
    delay: poll.delay && toSharedError(poll.delay),
    unseen: [...poll.unseen],
    listed: [...poll.listed].map(([filterText, tick]) => [filterText, time.timeAt(tick)]),
  });
}

/** What entries, by their names, say. */
export function readEntries(entries: ReadonlyMap<string, string>, time: SharedTime): SharedEntries {
  let poll: SharedPoll | undefined;
  const tasks: SharedTask[] = [];
  const filters = new Map<string, DiscoveryState>();
  const failures: SharedFailure[] = [];
  for (const [name, text] of entries) {
    const [head = "", task] = text.split("\n");
    const entry = fromText(head);
    if (entry === undefined) continue;
    const { failure, at } = entry;
    if (name === POLL) {
      poll = toPoll(entry, time);
    } else if (isRecord(failure)) {
      failures.push({ name, error: toError(failure), tick: time.tickAt(fromNumber(at, -Infinity)) });
    } else if (task !== undefined) {
      const snapshot = fromSharedText(task, time);
      if (snapshot !== undefined) tasks.push({ keyText: name, snapshot, filters: textsOf(entry["filters"]) });
    } else if ("firstStart" in entry) {
      const endedTick = time.tickAt(fromNumber(entry["endedAt"], -Infinity));
      filters.set(name, {
        firstStart: fromNumber(entry["firstStart"], -Infinity),
        endedTick,
        ends: pairsOf(entry["ends"]),
      });
    }
  }
  return { poll, tasks, filters, failures };
}

/** News are the entries that have changed. */
export function toNews(entries: ReadonlyMap<string, string>): string {
  const lengths = [...entries].map(([name, text]) => [name, text.length]);
  return [toText({ entries: lengths }), ...entries.values()].join("\n");
}

export function readNews(text: string): ReadonlyMap<string, string> {
  const head = text.indexOf("\n");
  const entries = new Map<string, string>();
  let start = head + 1;
  for (const [name, length] of pairsOf(fromText(head < 0 ? text : text.slice(0, head))?.["entries"])) {
    entries.set(name, text.slice(start, start + length));
    start += length + 1;
  }
  return entries;
}

/** A hint names what is sought: key texts and filter texts. */
export function toHint(names: readonly string[]): string {
  return toText({ names });
}

export function readHint(text: string): readonly string[] {
  return textsOf(fromText(text)?.["names"]);
}

function toPoll(entry: Readonly<Record<string, unknown>>, time: SharedTime): SharedPoll | undefined {
  const { at, intervalMs, delay } = entry;
  if (typeof intervalMs !== "number") return undefined;
  const error = isRecord(delay) ? toError(delay) : undefined;
  const listed = [...pairsOf(entry["listed"])].map(([name, timeMs]) => [name, time.tickAt(timeMs)] as const);
  return {
    beganTick: typeof at === "number" ? time.tickAt(at) : -Infinity,
    intervalMs,
    delay: error instanceof GatewayError ? error : undefined,
    unseen: new Set(textsOf(entry["unseen"])),
    listed: new Map(listed),
  };
}

function toSharedError(error: Error): Readonly<Record<string, unknown>> {
  // What is no error of ours may say anything.
  if (!(error instanceof GatewayError)) return { message: "What was watched could not be read at another instance." };
  const { code, message, retryable, retryAfterMs, imm } = error;
  const argument = error instanceof BadUserInputError ? error.argument : undefined;
  return { code, message, retryable, retryAfterMs, imm, argument };
}

function toError(shared: Readonly<Record<string, unknown>>): Error {
  const { code, retryable, retryAfterMs, imm, argument } = shared;
  const message = typeof shared["message"] === "string" ? shared["message"] : "IMM could not be asked.";
  const details: GatewayErrorDetails = {
    retryAfterMs: typeof retryAfterMs === "number" ? retryAfterMs : undefined,
    imm: isRecord(imm) ? { code: textOrNull(imm["code"]), requestId: textOrNull(imm["requestId"]) } : undefined,
  };
  switch (code) {
    case undefined:
      return new Error(message);
    case "BAD_USER_INPUT":
      return new BadUserInputError(textOrNull(argument), message, details);
    case "NOT_FOUND":
      return new NotFoundError(message, details);
    case "FORBIDDEN":
      return new ForbiddenError(message, details);
    case "UPSTREAM_THROTTLED":
      return new UpstreamThrottledError(message, details);
    case "UPSTREAM_TIMEOUT":
      return new UpstreamTimeoutError(message, details);
    case "UPSTREAM_INVALID_RESPONSE":
      return retryable === false
        ? new UpstreamRejectedError(message, details)
        : new UpstreamInvalidResponseError(message, details);
    case "UPSTREAM_MISCONFIGURED":
      return retryable === true
        ? new CredentialsUnavailableError(message, details)
        : new UpstreamMisconfiguredError(message, details);
    default:
      return new UpstreamUnavailableError(message, details);
  }
}

function partsOf({ definition, progress, eventId }: TaskParts): Readonly<Record<string, boolean>> {
  return { definition, progress, eventId };
}

function toParts({ definition, progress, eventId }: Readonly<Record<string, unknown>>): TaskParts {
  return {
    ...NO_PARTS,
    definition: definition === true,
    progress: progress === true,
    eventId: eventId === true,
  };
}

function toFilter({ taskTypes, tagSelector }: Readonly<Record<string, unknown>>): DiscoveryFilter {
  return {
    ...(Array.isArray(taskTypes) && { taskTypes: textsOf(taskTypes) }),
    ...(typeof tagSelector === "string" && { tagSelector }),
  };
}

function toText(members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ v: VERSION, ...members });
}

function fromText(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && value["v"] === VERSION ? value : undefined;
  } catch {
    return undefined;
  }
}

/** JSON has no infinite numbers. */
function toNumber(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function fromNumber(value: unknown, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function pairsOf(value: unknown): ReadonlyMap<string, number> {
  const pairs: readonly unknown[] = Array.isArray(value) ? value : [];
  return new Map(
    pairs.flatMap((pair) => {
      const [name, number] = Array.isArray(pair) ? (pair as readonly unknown[]) : [];
      return typeof name === "string" ? [[name, fromNumber(number, -Infinity)] as const] : [];
    }),
  );
}
