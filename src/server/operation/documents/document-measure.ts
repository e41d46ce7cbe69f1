/**
 * How deep a document's selections are, and how many aliases and directives each of its operations has. Each fragment is measured
 * once, so the time is linear in the document. Pure; `document-bounds.ts` holds the result against the bounds.
 *
 * Counted as graphql-armor counts: what its rules refuse, the bounds refuse at the same numbers.
 *
 * @see https://escape.tech/graphql-armor/docs/plugins/max-depth
 */

import { Kind, type DocumentNode, type FragmentDefinitionNode, type SelectionSetNode } from "graphql";

/** The greatest of the operations of a document. */
export interface DocumentMeasure {
  /** Fields within each other; an inline fragment is one more, a spread two more. */
  readonly depth: number;
  /** Those of a fragment count once for each time that it is spread; those of or to `__typename` do not. */
  readonly aliases: number;
  /** Counted in the same way. */
  readonly directives: number;
}

const NOTHING: DocumentMeasure = { depth: 0, aliases: 0, directives: 0 };
/** A spread, and the fragment that it names. */
const SPREAD_LEVELS = 2;
const FREE_NAME = "__typename";
/** What is selected below it says how deep the schema is, not the answer. */
const INTROSPECTION = "__schema";

/** Measures every operation. */
export function measureDocument({ definitions }: DocumentNode): DocumentMeasure {
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const measure = new FragmentMeasures(fragments);
  const greatest = { ...NOTHING };
  for (const definition of definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { depth, aliases, directives } = measure.ofSelections(definition.selectionSet);
    greatest.depth = Math.max(greatest.depth, depth);
    greatest.aliases = Math.max(greatest.aliases, aliases);
    greatest.directives = Math.max(greatest.directives, directives + (definition.directives?.length ?? 0));
  }
  return greatest;
}

class FragmentMeasures {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #measured = new Map<string, DocumentMeasure>();

  constructor(fragments: readonly FragmentDefinitionNode[]) {
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  ofSelections({ selections }: SelectionSetNode): DocumentMeasure {
    let { depth, aliases, directives } = NOTHING;
    for (const selection of selections) {
      const isSpread = selection.kind === Kind.FRAGMENT_SPREAD;
      const below = isSpread ? this.#ofFragment(selection.name.value) : this.#below(selection.selectionSet);
      const isFree = selection.kind === Kind.FIELD && selection.name.value === INTROSPECTION;
      const levels = isSpread ? SPREAD_LEVELS : 1;
      if (!isFree) depth = Math.max(depth, levels + below.depth);
      aliases += below.aliases;
      directives += below.directives + (selection.directives?.length ?? 0);
      if (selection.kind !== Kind.FIELD || selection.alias === undefined) continue;
      if (selection.alias.value !== FREE_NAME && selection.name.value !== FREE_NAME) aliases += 1;
    }
    return { depth, aliases, directives };
  }

  #below(selectionSet: SelectionSetNode | undefined): DocumentMeasure {
    return selectionSet === undefined ? NOTHING : this.ofSelections(selectionSet);
  }

  /** Fragments that spread each other, which validation refuses, add nothing to themselves. */
  #ofFragment(name: string): DocumentMeasure {
    const known = this.#measured.get(name);
    const fragment = this.#fragments.get(name);
    if (known !== undefined || fragment === undefined) return known ?? NOTHING;
    this.#measured.set(name, NOTHING);
    const { directives, ...rest } = this.ofSelections(fragment.selectionSet);
    const measure = { ...rest, directives: directives + (fragment.directives?.length ?? 0) };
    this.#measured.set(name, measure);
    return measure;
  }
}
