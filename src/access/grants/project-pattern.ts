/**
 * Patterns of projects as a configuration writes them: a name, or a prefix with `*` at its end; `{/pointer}` stands for a claim.
 * A claim goes in as it is: a `*` in it is no wildcard, also at the end. Pure.
 */

import { claimAt, isPointer, textsOf, type Claims } from "./claims.js";
import type { ProjectPattern } from "../principal.js";

const PLACE = /\{([^{}]*)\}/;
/** Of one pattern, where its claims are lists: more would be no grant that was meant. */
const MAX_NAMES = 1_000;

/** Whether the text is a pattern without claims. */
export function isPlainPattern(text: string): boolean {
  return /^[^*{}]*\*?$/.test(text) && text !== "";
}

/** Whether the text is a pattern. */
export function isPattern(text: string): boolean {
  // Literals and pointers by turns.
  const pieces = text.split(PLACE);
  const isRight = (piece: string, index: number): boolean => {
    if (index % 2 === 1) return isPointer(piece);
    return index === pieces.length - 1 ? /^[^*{}]*\*?$/.test(piece) : /^[^*{}]*$/.test(piece);
  };
  return text !== "" && pieces.every(isRight);
}

/** The patterns that a text comes to: one for each text of a claim that is a list. Null where a claim has none. */
export function toPatterns(text: string, claims: Claims): readonly ProjectPattern[] | null {
  const isPrefix = text.endsWith("*");
  // Literals and pointers by turns.
  const pieces = (isPrefix ? text.slice(0, -1) : text).split(PLACE);
  let names: readonly string[] = [""];
  for (const [index, piece] of pieces.entries()) {
    const texts = index % 2 === 0 ? [piece] : textsOf(claimAt(claims, piece));
    if (texts === null || names.length * texts.length > MAX_NAMES) return null;
    names = names.flatMap((name) => texts.map((added) => name + added));
  }
  return names.map((name) => ({ name, isPrefix }));
}
