/**
 * A validation rule: what a subscription selects at its root carries neither @skip nor @include, since a subscription to
 * nothing cannot be followed, and graphql-js fails where it is begun.
 *
 * @see https://spec.graphql.org/September2025/#sec-Single-Root-Field
 */

import {
  GraphQLError,
  Kind,
  OperationTypeNode,
  type ASTVisitor,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationContext,
} from "graphql";

const CONDITIONS: ReadonlySet<string> = new Set(["skip", "include"]);

export function UnconditionalRootRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition({ operation, selectionSet }) {
      if (operation !== OperationTypeNode.SUBSCRIPTION) return;
      for (const selection of rootSelections(selectionSet, context, new Set())) {
        const condition = selection.directives?.find(({ name }) => CONDITIONS.has(name.value));
        if (condition === undefined) continue;
        const message = `Expected the root of a subscription to be selected without @${condition.name.value}.`;
        context.reportError(new GraphQLError(message, { nodes: condition }));
      }
    },
  };
}

/** The selections at the root, those of fragments among them. */
function rootSelections(
  { selections }: SelectionSetNode,
  context: ValidationContext,
  seen: Set<string>,
): readonly SelectionNode[] {
  return selections.flatMap((selection) => {
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      return [selection, ...rootSelections(selection.selectionSet, context, seen)];
    }
    if (selection.kind !== Kind.FRAGMENT_SPREAD || seen.has(selection.name.value)) return [selection];
    seen.add(selection.name.value);
    const fragment = context.getFragment(selection.name.value);
    return fragment ? [selection, ...rootSelections(fragment.selectionSet, context, seen)] : [selection];
  });
}
