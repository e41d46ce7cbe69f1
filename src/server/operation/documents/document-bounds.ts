/**
 * What a document may be, beyond the grammar and the schema: bounds that are checked before anything recurses into it, or
 * compares its fields two by two. Pure; `documents.ts` calls it.
 */

import { Kind, TokenKind, type DocumentNode, type SelectionSetNode, type Token } from "graphql";
import { measureDocument } from "./document-measure.js";

/** More than any client needs. */
const MAX_SELECTION_DEPTH = 64;
/** What the parser takes with room to spare. How deep JSON may be, its scalars say, by the name of the argument. */
const MAX_VALUE_DEPTH = 1_000;

/** Bounds that can be set; 0 for none. */
export interface DocumentBounds {
  /** Levels of selections, as `document-measure.ts` counts them. */
  readonly maxQueryDepth: number;
  readonly maxQueryAliases: number;
  readonly maxQueryDirectives: number;
}

/**
 * What a document has too much of, as a sentence, or null.
 *
 * @param document - with its tokens, as it was parsed.
 */
export function findExcess(document: DocumentNode, bounds: DocumentBounds): string | null {
  if (isNestedTooDeep(document)) {
    return `Expected selections that are nested at most ${MAX_SELECTION_DEPTH} deep, and values at most ${MAX_VALUE_DEPTH}.`;
  }
  const exceeded = findExceeded(document, bounds);
  if (exceeded !== null) return exceeded;
  const counter = new ComparisonCounter(document);
  for (const definition of document.definitions) {
    if ("selectionSet" in definition) counter.count([definition.selectionSet]);
    if (counter.total > MAX_COMPARISONS) {
      return `Expected fewer fields, above all of one name: validation would make more than ${MAX_COMPARISONS} comparisons.`;
    }
  }
  return null;
}

function findExceeded(
  document: DocumentNode,
  { maxQueryDepth, maxQueryAliases, maxQueryDirectives }: DocumentBounds,
): string | null {
  if (maxQueryDepth + maxQueryAliases + maxQueryDirectives === 0) return null;
  const { depth, aliases, directives } = measureDocument(document);
  const exceeds = (measure: number, max: number): boolean => max > 0 && measure > max;
  if (exceeds(depth, maxQueryDepth)) {
    return `Expected selections of at most ${maxQueryDepth} levels, fragments counted.`;
  }
  if (exceeds(aliases, maxQueryAliases)) return `Expected at most ${maxQueryAliases} aliases in an operation.`;
  if (exceeds(directives, maxQueryDirectives)) {
    return `Expected at most ${maxQueryDirectives} directives in an operation.`;
  }
  return null;
}

const OPENING: ReadonlySet<string> = new Set([TokenKind.BRACE_L, TokenKind.BRACKET_L]);
const CLOSING: ReadonlySet<string> = new Set([TokenKind.BRACE_R, TokenKind.BRACKET_R]);

/** Whether selections are, or values, which stand within parentheses. Goes by the tokens, so depth costs no stack. */
function isNestedTooDeep({ loc }: DocumentNode): boolean {
  let [selections, values] = [0, 0];
  let isValue = false;
  for (let token: Token | null = loc?.startToken ?? null; token !== null; token = token.next) {
    if (token.kind === TokenKind.PAREN_L || token.kind === TokenKind.PAREN_R)
      isValue = token.kind === TokenKind.PAREN_L;
    const step = Number(OPENING.has(token.kind)) - Number(CLOSING.has(token.kind));
    if (isValue) values += step;
    else selections += step;
    if (selections > MAX_SELECTION_DEPTH || values > MAX_VALUE_DEPTH) return true;
  }
  return false;
}

/**
 * Fields of a document, fragments written out, and pairs of them that answer under one name: validation compares each pair,
 * in about a microsecond.
 */
const MAX_COMPARISONS = 30_000;

/** Counts as an execution merges fields: those of one response name are one, with the selections of all of them. */
class ComparisonCounter {
  readonly #fragments: ReadonlyMap<string, SelectionSetNode>;
  #total = 0;

  constructor({ definitions }: DocumentNode) {
    const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
    this.#fragments = new Map(fragments.map(({ name, selectionSet }) => [name.value, selectionSet]));
  }

  /** Counted so far. Beyond the bound it grows no more. */
  get total(): number {
    return this.#total;
  }

  /** @param depth - of fields; fragments that spread each other would have no end. */
  count(selectionSets: readonly SelectionSetNode[], depth = 1): void {
    const byName = new Map<string, { fields: number; readonly below: SelectionSetNode[] }>();
    const spread = new Set<string>();
    const collect = ({ selections }: SelectionSetNode): void => {
      for (const selection of selections) {
        this.#total += 1;
        if (this.#total > MAX_COMPARISONS) return;
        if (selection.kind === Kind.INLINE_FRAGMENT) {
          collect(selection.selectionSet);
        } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
          const fragment = this.#fragments.get(selection.name.value);
          if (fragment !== undefined && !spread.has(selection.name.value)) {
            spread.add(selection.name.value);
            collect(fragment);
          }
        } else {
          const name = (selection.alias ?? selection.name).value;
          const same = byName.get(name) ?? { fields: 0, below: [] };
          byName.set(name, same);
          // Each is compared with those before it.
          this.#total += same.fields;
          same.fields += 1;
          if (selection.selectionSet !== undefined) same.below.push(selection.selectionSet);
        }
      }
    };
    selectionSets.forEach(collect);
    for (const { below } of byName.values()) {
      if (below.length > 0 && depth < MAX_SELECTION_DEPTH && this.#total <= MAX_COMPARISONS)
        this.count(below, depth + 1);
    }
  }
}
