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

/** A rule that does not hold, and the member at fault. Names are the wire's. */
export interface BrokenRule {
  /** `needed`: it is missing beside one that needs it. `noneOf`: it, or one of the others. `surplus`: one too many. */
  readonly fault: "needed" | "noneOf" | "surplus";
  readonly member: string;
  /** The one that needs it, those that could stand for it, or the one that it cannot stand beside. */
  readonly others: readonly string[];
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
  return isThere(member) && !isThere(needs) ? { fault: "needed", member: needs, others: [member] } : undefined;
}

function brokenChoice(
  { kind, members }: Exclude<Rule, { kind: "needs" }>,
  isThere: (member: string) => boolean,
): BrokenRule | undefined {
  const [first, second] = members.filter(isThere);
  if (first === undefined) {
    const [member = "", ...others] = members;
    return kind === "atMostOneOf" ? undefined : { fault: "noneOf", member, others };
  }
  if (second === undefined || kind === "atLeastOneOf") return undefined;
  return { fault: "surplus", member: second, others: [first] };
}
