/**
 * Which costly parts of a task an operation selects: what decides whether `RequestDefinition=true` is sent and whether
 * ListTasks is called. Looks through fragments and honours @skip and @include.
 */

import {
  getDirectiveValues,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  Kind,
  type FieldNode,
  type GraphQLResolveInfo,
  type SelectionNode,
} from "graphql";
import { mergeNeeds, NO_NEEDS, type TaskNeeds } from "../tasks/task.js";

type SelectionInfo = Pick<GraphQLResolveInfo, "fieldNodes" | "fragments" | "variableValues">;

const NEEDS_BY_FIELD: Readonly<Record<string, TaskNeeds>> = {
  requestDefinition: { ...NO_NEEDS, definition: true },
  requestDefinitionText: { ...NO_NEEDS, definition: true },
  progress: { ...NO_NEEDS, progress: true },
  eventId: { ...NO_NEEDS, eventId: true },
};

/** What the selections below the present field, which yields tasks, need beyond the plain fields. */
export function selectedNeeds(info: SelectionInfo): TaskNeeds {
  return info.fieldNodes.map((node) => needsBelow(node, info)).reduce(mergeNeeds, NO_NEEDS);
}

function needsBelow(
  { selectionSet }: { readonly selectionSet?: FieldNode["selectionSet"] },
  info: SelectionInfo,
): TaskNeeds {
  const selections = selectionSet?.selections ?? [];
  return selections
    .filter((selection) => isIncluded(selection, info))
    .map((selection) => needsOf(selection, info))
    .reduce(mergeNeeds, NO_NEEDS);
}

function needsOf(selection: SelectionNode, info: SelectionInfo): TaskNeeds {
  switch (selection.kind) {
    case Kind.FIELD:
      return NEEDS_BY_FIELD[selection.name.value] ?? NO_NEEDS;
    case Kind.INLINE_FRAGMENT:
      return needsBelow(selection, info);
    case Kind.FRAGMENT_SPREAD: {
      const fragment = info.fragments[selection.name.value];
      return fragment === undefined ? NO_NEEDS : needsBelow(fragment, info);
    }
  }
}

function isIncluded(selection: SelectionNode, { variableValues }: SelectionInfo): boolean {
  const skip = getDirectiveValues(GraphQLSkipDirective, selection, variableValues);
  const include = getDirectiveValues(GraphQLIncludeDirective, selection, variableValues);
  return skip?.["if"] !== true && include?.["if"] !== false;
}
