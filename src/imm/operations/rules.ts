/** Reads what follows from the rows: how a value travels, ranges, and rules between members. Pure. */

import type { Range, Rule, Shape } from "./rows.js";

/** Whether a parameter of this shape travels as JSON text, with the wire's names. */
export function travelsAsJson({ type }: Shape): boolean {
  return type === "array" || type === "object" || type === "map";
}

/** Whether a number lies in the range. */
export function isInRange({ min, max, exclusiveMin, exclusiveMax }: Range, value: number): boolean {
  return (exclusiveMin ? value > min : value >= min) && (exclusiveMax ? value < max : value <= max);
}

/** The range in words: `from 0 to 100`, `above 0 and up to 100`, `above 4 and below 120`. */
export function describeRange({ min, max, exclusiveMin, exclusiveMax }: Range): string {
  if (!exclusiveMin && !exclusiveMax) return `from ${min} to ${max}`;
  return `${exclusiveMin ? "above" : "from"} ${min} and ${exclusiveMax ? "below" : "up to"} ${max}`;
}

/** A rule that does not hold: the member at fault, and what is expected of it. */
export interface BrokenRule {
  /** The wire's name. */
  readonly member: string;
  /** Whether the member has to be there, or must not be. */
  readonly isMissing: boolean;
  /** The members that are the reason, by the wire's names. */
  readonly because: readonly string[];
}

/** The first rule that does not hold for the members that are there; undefined when all do. */
export function findBrokenRule(rules: readonly Rule[], isThere: (member: string) => boolean): BrokenRule | undefined {
  for (const rule of rules) {
    const broken = rule.kind === "needs" ? brokenNeed(rule, isThere) : brokenChoice(rule, isThere);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

function brokenNeed(
  { member, needs }: Extract<Rule, { kind: "needs" }>,
  isThere: (member: string) => boolean,
): BrokenRule | undefined {
  return isThere(member) && !isThere(needs) ? { member: needs, isMissing: true, because: [member] } : undefined;
}

function brokenChoice(
  { kind, members }: Exclude<Rule, { kind: "needs" }>,
  isThere: (member: string) => boolean,
): BrokenRule | undefined {
  const [first, second] = members.filter(isThere);
  if (first === undefined) {
    const [member = "", ...because] = members;
    return kind === "atMostOneOf" ? undefined : { member, isMissing: true, because };
  }
  if (second === undefined || kind === "atLeastOneOf") return undefined;
  return { member: second, isMissing: false, because: [first] };
}
