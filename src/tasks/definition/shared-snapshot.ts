/**
 * A snapshot as the text in which instances share it: all that it says but the secrets of its definition, which are taken out,
 * and why its progress could not be had. Pure, but that it remembers what it has redacted.
 */

import { LRUCache } from "lru-cache";
import { GatewayError, UpstreamInvalidResponseError } from "../../errors.js";
import { isRecord, parseExact, stringifyExact } from "../../json.js";
import { FACT_NAMES, NO_MISFITS, PART_NAMES, toStatus, type TaskFacts, type TaskSnapshot } from "../snapshot.js";
import type { TaskKey } from "../task.js";
import { showDefinition } from "./request-definition.js";

/** The time that all instances share, in milliseconds since the epoch, and the ticks of this machine. */
export interface SharedTime {
  timeAt(tick: number): number;
  /** Never a tick that is yet to come. */
  tickAt(timeMs: number): number;
}

/** Members may be added to it: they are left out where they are not known. Another form has another version. */
const VERSION = 1;

/** A longer definition, or one that cannot be searched, is not shared: each instance that needs it asks IMM. */
const MAX_DEFINITION_LENGTH = 65_536;

/** Without secrets, by the whole text; undefined where it cannot be shared. A running task is shared many times. */
const redactedTexts = new LRUCache<string, { readonly text: string | undefined }>({
  maxSize: 16 * MAX_DEFINITION_LENGTH,
  sizeCalculation: (_redacted, text) => text.length + 1,
});

/** The text of a snapshot. Nothing that redaction removes is in it, whatever the gateway shows. */
export function toSharedText(snapshot: TaskSnapshot, time: SharedTime): string {
  const { key, statusText, facts, misfits, definition, hasAskedDefinition, progressAskedTick, observedTick } = snapshot;
  const redacted = definition === null ? undefined : redact(definition);
  return stringifyExact({
    v: VERSION,
    key,
    statusText,
    facts,
    misfits: messagesOf(misfits),
    progress: snapshot.progress,
    eventId: snapshot.eventId,
    requestId: snapshot.requestId,
    definition: redacted ?? null,
    isRedacted: redacted !== undefined && (snapshot.isRedacted || redacted !== definition),
    hasBeenRead: snapshot.hasBeenRead,
    hasAskedDefinition: hasAskedDefinition && (definition === null || redacted !== undefined),
    hasAskedEventId: snapshot.hasAskedEventId,
    progressAskedMs: progressAskedTick === null ? null : time.timeAt(progressAskedTick),
    observedAt: snapshot.observedAt,
    observedMs: time.timeAt(observedTick),
  });
}

/** The snapshot of a text; undefined where it is none, or of another version. */
export function fromSharedText(text: string, time: SharedTime): TaskSnapshot | undefined {
  const shared = parse(text);
  if (!isRecord(shared) || shared["v"] !== VERSION) return undefined;
  const { key, statusText, facts, misfits, progress, eventId, requestId, definition } = shared;
  const { isRedacted, hasBeenRead, hasAskedDefinition, hasAskedEventId } = shared;
  const { progressAskedMs, observedAt, observedMs } = shared;
  const isWhole =
    isKey(key) &&
    typeof statusText === "string" &&
    isRecord(facts) &&
    isRecord(misfits) &&
    isNumberOrNull(progress) &&
    isTextOrNull(eventId) &&
    isTextOrNull(requestId) &&
    isTextOrNull(definition) &&
    typeof isRedacted === "boolean" &&
    typeof hasBeenRead === "boolean" &&
    typeof hasAskedDefinition === "boolean" &&
    typeof hasAskedEventId === "boolean" &&
    isNumberOrNull(progressAskedMs) &&
    typeof observedAt === "number" &&
    typeof observedMs === "number";
  if (!isWhole || !FACT_NAMES.every((name) => isFact(facts[name]))) return undefined;
  return {
    key: { projectName: key.projectName, taskType: key.taskType, taskId: key.taskId },
    // What a word means, each release says for itself.
    status: toStatus(statusText),
    statusText,
    // The cast: each is of the form of a fact, and was one when it was written.
    facts: Object.fromEntries(FACT_NAMES.map((name) => [name, facts[name] ?? null])) as unknown as TaskFacts,
    progress,
    eventId,
    requestId,
    definition,
    isRedacted,
    hasBeenRead,
    hasAskedDefinition,
    hasAskedEventId,
    progressAskedTick: progressAskedMs === null ? null : time.tickAt(progressAskedMs),
    observedAt,
    observedTick: time.tickAt(observedMs),
    progressError: null,
    misfits: toMisfits(misfits),
  };
}

/** The definition without its secrets: itself where it has none, undefined where it cannot be shared. */
function redact(definition: string): string | undefined {
  if (definition.length > MAX_DEFINITION_LENGTH) return undefined;
  let redacted = redactedTexts.get(definition);
  if (redacted === undefined) {
    const { text } = showDefinition(definition);
    redacted = { text: typeof text === "string" ? text : undefined };
    redactedTexts.set(definition, redacted);
  }
  return redacted.text;
}

const MISFIT_NAMES: readonly (keyof TaskSnapshot["misfits"])[] = [...FACT_NAMES, ...PART_NAMES];

function messagesOf(misfits: TaskSnapshot["misfits"]): Readonly<Record<string, string>> {
  const messages: Record<string, string> = {};
  if (misfits === NO_MISFITS) return messages;
  for (const name of MISFIT_NAMES) {
    const misfit = misfits[name];
    if (misfit !== undefined) messages[name] = misfit.message;
  }
  return messages;
}

function toMisfits(messages: Readonly<Record<string, unknown>>): TaskSnapshot["misfits"] {
  let misfits: Record<string, GatewayError> | undefined;
  for (const name of MISFIT_NAMES) {
    const message = messages[name];
    if (typeof message === "string") (misfits ??= {})[name] = new UpstreamInvalidResponseError(message);
  }
  return misfits ?? NO_MISFITS;
}

function parse(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

function isKey(value: unknown): value is TaskKey {
  if (!isRecord(value)) return false;
  return [value["projectName"], value["taskType"], value["taskId"]].every((name) => typeof name === "string");
}

function isFact(value: unknown): boolean {
  return value === null || value === undefined || typeof value === "string" || isRecord(value);
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

function isNumberOrNull(value: unknown): value is number | null {
  return value === null || typeof value === "number";
}
