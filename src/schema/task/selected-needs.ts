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
import { mergeNeeds, NO_NEEDS, type TaskNeeds } from "../../tasks/task.js";

type SelectionInfo = Pick<GraphQLResolveInfo, "fieldNodes" | "fragments" | "variableValues">;

const NEEDS_BY_FIELD: Readonly<Record<string, TaskNeeds>> = {
  requestDefinition: { ...NO_NEEDS, definition: true },
  requestDefinitionText: { ...NO_NEEDS, definition: true },
  outputs: { ...NO_NEEDS, definition: true },
  progress: { ...NO_NEEDS, progress: true },
  eventId: { ...NO_NEEDS, eventId: true },
};

/** The fields that stand between a list or an event and its tasks. */
const WAYS_TO_TASKS: ReadonlySet<string> = new Set(["edges", "node", "nodes", "task"]);

/** What the selections below the present field, which yields tasks or a list of them, need beyond the plain fields. */
export function selectedNeeds(info: SelectionInfo): TaskNeeds {
  const seen = new Set<string>();
  return info.fieldNodes.map((node) => needsBelow(node, info, seen)).reduce(mergeNeeds, NO_NEEDS);
}

function needsBelow(
  { selectionSet }: { readonly selectionSet?: FieldNode["selectionSet"] },
  info: SelectionInfo,
  seen: Set<string>,
): TaskNeeds {
  const selections = selectionSet?.selections ?? [];
  return selections
    .filter((selection) => isIncluded(selection, info))
    .map((selection) => needsOf(selection, info, seen))
    .reduce(mergeNeeds, NO_NEEDS);
}

/** @param seen - fragments that have been looked through: each once, or their number of paths would grow without bound. */
function needsOf(selection: SelectionNode, info: SelectionInfo, seen: Set<string>): TaskNeeds {
  switch (selection.kind) {
    case Kind.FIELD:
      if (WAYS_TO_TASKS.has(selection.name.value)) return needsBelow(selection, info, seen);
      return NEEDS_BY_FIELD[selection.name.value] ?? NO_NEEDS;
    case Kind.INLINE_FRAGMENT:
      return needsBelow(selection, info, seen);
    case Kind.FRAGMENT_SPREAD: {
      const { value: name } = selection.name;
      const fragment = info.fragments[name];
      if (fragment === undefined || seen.has(name)) return NO_NEEDS;
      seen.add(name);
      return needsBelow(fragment, info, seen);
    }
  }
}

function isIncluded(selection: SelectionNode, { variableValues }: SelectionInfo): boolean {
  const skip = getDirectiveValues(GraphQLSkipDirective, selection, variableValues);
  const include = getDirectiveValues(GraphQLIncludeDirective, selection, variableValues);
  return skip?.["if"] !== true && include?.["if"] !== false;
}
