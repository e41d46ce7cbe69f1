/**
 * Values to and from IMM's wire form, by the table of operations. Pure: no I/O, no vendor code.
 *
 * `openapi-client` calls it on the way out and on the way in. It checks shapes only; what a task means is decided in
 * `tasks/`.
 */

import { models, type Member, type Operation } from "./operations.js";

/** One request's parameters, each as the text that travels. */
export interface WireParameters {
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
}

/** The TypeScript type of a decoded member, read off its row in the table. */
type ValueOf<M> = M extends { readonly type: "string" }
  ? string
  : M extends { readonly type: "boolean" }
    ? boolean
    : M extends { readonly type: "integer" | "number" }
      ? number
      : M extends { readonly type: "array"; readonly items: infer I }
        ? ValueOf<I>[]
        : M extends { readonly type: "object"; readonly model: infer N extends keyof typeof models }
          ? Decoded<(typeof models)[N]>
          : M extends { readonly type: "map" }
            ? Readonly<Record<string, unknown>>
            : unknown;

/** A decoded object: each documented member, or undefined where IMM left it out. */
export type Decoded<Members> = { readonly [Name in keyof Members]?: ValueOf<Members[Name]> };

/** Thrown when an answer does not have the documented shape. Names the member, never its value. */
export class WireShapeError extends Error {
  override readonly name = "WireShapeError";
}

/**
 * Encodes parameters for their place. Undefined ones are left out; empty text, 0, false and [] are sent, as the
 * official SDK does.
 *
 * @throws Error - when `values` names a parameter that the operation does not have.
 */
export function encodeParameters(operation: Operation, values: Readonly<Record<string, unknown>>): WireParameters {
  const parameters: { query: Record<string, string>; body: Record<string, string> } = { query: {}, body: {} };
  for (const [name, value] of Object.entries(values)) {
    const parameter = operation.request[name];
    if (parameter === undefined) throw new Error(`${operation.action} has no parameter ${name}.`);
    if (value === undefined) continue;
    // JSON text of a boolean or a number is also its plain form.
    const isPlainText = typeof value === "string" && parameter.style !== "json";
    parameters[parameter.in][name] = isPlainText ? value : JSON.stringify(value);
  }
  return parameters;
}

/**
 * Reads the documented members of an object and drops the rest. Null members are left out. Numbers that arrive as text
 * are accepted where a number is documented, and the reverse, because IMM mixes the two.
 *
 * @throws WireShapeError - when `value` is no object or a member has another type than documented.
 */
export function decodeMembers<Members extends Readonly<Record<string, Member>>>(
  members: Members,
  value: unknown,
  path = "answer",
): Decoded<Members> {
  if (!isRecord(value)) throw new WireShapeError(`Expected ${path} to be an object.`);
  const decoded: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(members)) {
    const raw = value[name];
    if (raw === undefined || raw === null) continue;
    decoded[name] = decodeMember(member, raw, `${path}.${name}`);
  }
  return decoded as Decoded<Members>;
}

function decodeMember(member: Member, raw: unknown, path: string): unknown {
  switch (member.type) {
    case "string":
      if (typeof raw === "string") return raw;
      if (typeof raw === "number") return String(raw);
      break;
    case "boolean":
      if (typeof raw === "boolean") return raw;
      if (raw === "true" || raw === "false") return raw === "true";
      break;
    case "integer":
    case "number": {
      const number = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
      if (typeof number === "number" && Number.isFinite(number)) return number;
      break;
    }
    case "array": {
      const { items } = member;
      if (Array.isArray(raw) && items !== undefined) {
        return raw.map((item, index) => decodeMember(items, item, `${path}[${index}]`));
      }
      break;
    }
    case "object":
      return decodeMembers(modelMembers(member), raw, path);
    case "map":
      if (isRecord(raw)) return raw;
      break;
  }
  throw new WireShapeError(`Expected ${path} to be of type ${member.type}.`);
}

function modelMembers(member: Member): Readonly<Record<string, Member>> {
  const tables: Readonly<Record<string, Readonly<Record<string, Member>>>> = models;
  const members = member.model === undefined ? undefined : tables[member.model];
  if (members === undefined) throw new Error(`The table has no model ${String(member.model)}.`);
  return members;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
