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
import { mergeParts, NO_PARTS, type TaskParts } from "../../tasks/task.js";

type SelectionInfo = Pick<GraphQLResolveInfo, "fieldNodes" | "fragments" | "variableValues">;

/** By field of a task: what it takes beyond the plain ones. */
export const PARTS_BY_FIELD: Readonly<Record<string, TaskParts>> = {
  requestDefinition: { ...NO_PARTS, definition: true },
  requestDefinitionText: { ...NO_PARTS, definition: true },
  outputs: { ...NO_PARTS, definition: true },
  progress: { ...NO_PARTS, progress: true },
  eventId: { ...NO_PARTS, eventId: true },
};

/** The fields that stand between a list or an event and its tasks. */
const WAYS_TO_TASKS: ReadonlySet<string> = new Set(["edges", "node", "nodes", "task"]);

/** What the selections below the present field, which yields tasks or a list of them, need beyond the plain fields. */
export function selectedParts(info: SelectionInfo): TaskParts {
  const seen = new Set<string>();
  return info.fieldNodes.map((node) => partsBelow(node, info, seen)).reduce(mergeParts, NO_PARTS);
}

function partsBelow(
  { selectionSet }: { readonly selectionSet?: FieldNode["selectionSet"] },
  info: SelectionInfo,
  seen: Set<string>,
): TaskParts {
  const selections = selectionSet?.selections ?? [];
  return selections
    .filter((selection) => isIncluded(selection, info))
    .map((selection) => partsOf(selection, info, seen))
    .reduce(mergeParts, NO_PARTS);
}

/** @param seen - fragments that have been looked through: each once, or their number of paths would grow without bound. */
function partsOf(selection: SelectionNode, info: SelectionInfo, seen: Set<string>): TaskParts {
  switch (selection.kind) {
    case Kind.FIELD:
      if (WAYS_TO_TASKS.has(selection.name.value)) return partsBelow(selection, info, seen);
      return PARTS_BY_FIELD[selection.name.value] ?? NO_PARTS;
    case Kind.INLINE_FRAGMENT:
      return partsBelow(selection, info, seen);
    case Kind.FRAGMENT_SPREAD: {
      const { value: name } = selection.name;
      const fragment = info.fragments[name];
      if (fragment === undefined || seen.has(name)) return NO_PARTS;
      seen.add(name);
      return partsBelow(fragment, info, seen);
    }
  }
}

/** Whether neither @skip nor @include leaves the selection out. */
export function isIncluded(
  selection: SelectionNode,
  { variableValues }: Pick<SelectionInfo, "variableValues">,
): boolean {
  const skip = getDirectiveValues(GraphQLSkipDirective, selection, variableValues);
  const include = getDirectiveValues(GraphQLIncludeDirective, selection, variableValues);
  return skip?.["if"] !== true && include?.["if"] !== false;
}
