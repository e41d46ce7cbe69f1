/**
 * The values of a task that IMM gave in another shape than documented: each is null in the snapshot, with its reason beside
 * it, and an error at its own field. Pure; for `task.ts`.
 */

import { GatewayError } from "../errors.js";
import type { Given } from "../imm/imm-client.js";

/** What a task is not lost without. */
const MISFIT_FIELDS = [
  "progress",
  "code",
  "message",
  "startTime",
  "endTime",
  "eventId",
  "userData",
  "tags",
  "definition",
] as const;

type MisfitField = (typeof MISFIT_FIELDS)[number];

/** Why a field is null, where IMM gave a value that does not fit. Of no meaning where the field has a value. */
export type Misfits = { readonly [Name in MisfitField]?: GatewayError | undefined };

const NO_MISFITS: Misfits = {};

/** The errors among these values. */
export function misfitsOf(given: { readonly [Name in MisfitField]?: unknown }): Misfits {
  const misfits = MISFIT_FIELDS.filter((name) => given[name] instanceof GatewayError);
  return misfits.length === 0 ? NO_MISFITS : Object.fromEntries(misfits.map((name) => [name, given[name]]));
}

/** The value, where it fits. */
export function valueOf<T>(given: Given<T>): T | undefined {
  return given instanceof GatewayError ? undefined : given;
}

/** The misfits of both; of what changes while a task runs, only the newer's. */
export function mergeMisfits(older: Misfits, newer: Misfits): Misfits {
  if (older === NO_MISFITS) return newer;
  return { ...older, progress: undefined, code: undefined, message: undefined, ...newer };
}

/** The fields that are errors, each with its reason, as one text. */
export function misfitsText(
  fields: { readonly [Name in MisfitField]: unknown } & { readonly misfits: Misfits },
): string {
  if (fields.misfits === NO_MISFITS) return "";
  return MISFIT_FIELDS.filter((name) => fields[name] === null && fields.misfits[name] !== undefined)
    .map((name) => `${name}: ${fields.misfits[name]?.message}`)
    .join("\n");
}
