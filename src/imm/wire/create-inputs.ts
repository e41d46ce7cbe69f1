/**
 * The inputs of the creates as the schema has them, made of the wire's members by the facts that the table holds beside
 * them, and the way back to the wire. Pure.
 *
 * One mechanism for each way in which the two differ: `schemaName` renames, `form` writes a value in another way,
 * `inputGroups` nests what is flat on the wire, `unpublished` and `superseded` hide, `needed`, `atLeast` and `inputRules`
 * are stricter. None of them touches what IMM answers or has recorded: `wireInputOf` is the same without them.
 */

import {
  modelOf,
  schemaNameOf,
  type CreateOperation,
  type InputForm,
  type InputGroups,
  type Member,
  type Members,
  type Model,
  type Rule,
} from "../operations/operations.js";
import { readExactNumber } from "../../json.js";

export interface InputField {
  readonly name: string;
  /** Null for a group: its own fields stand in its place on the wire. */
  readonly wireName: string | null;
  readonly member: Member;
  readonly isRequired: boolean;
  readonly form: InputForm | undefined;
  /** What it holds, or what each of its items holds. */
  readonly inner: InputStructure | undefined;
}

export interface InputStructure {
  /** The noun that the schema calls its type by. */
  readonly schemaName: string;
  readonly description: string;
  readonly fields: readonly InputField[];
  /** Between its members, also those in its groups, by the wire's names. */
  readonly rules: readonly Rule[];
  /** The way to each member of the wire, through the groups. */
  readonly ways: ReadonlyMap<string, readonly InputField[]>;
}

const schemaInputs = new WeakMap<CreateOperation, InputStructure>();
const wireInputs = new WeakMap<CreateOperation, InputStructure>();

/** The input of an operation as the schema has it. Made once. */
export function schemaInputOf(operation: CreateOperation): InputStructure {
  return madeOnce(schemaInputs, operation, () => structureOfRequest(operation, schemaView));
}

/** The same as IMM has it: what a recorded definition is checked by. */
export function wireInputOf(operation: CreateOperation): InputStructure {
  return madeOnce(wireInputs, operation, () => structureOfRequest(operation, wireView));
}

/**
 * An input in the schema's spelling as IMM spells it. Undefined and null members are omitted.
 *
 * @throws Error - when the input has a member that the structure does not have.
 */
export function toWireInput(
  { fields }: InputStructure,
  input: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const wire: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    const field = fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new Error(`The table has no member ${name}.`);
    if (value === undefined || value === null) continue;
    if (field.wireName === null) Object.assign(wire, toWireValue(field, value));
    else wire[field.wireName] = toWireValue(field, value);
  }
  return wire;
}

function toWireValue(field: InputField, value: unknown): unknown {
  const { form, inner } = field;
  if (form !== undefined) return toWireForm(form, value);
  if (inner === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => toWireInput(inner, item as Readonly<Record<string, unknown>>));
  return toWireInput(inner, value as Readonly<Record<string, unknown>>);
}

function toWireForm(form: InputForm, value: unknown): unknown {
  switch (form) {
    case "instant":
      return value;
    case "switch":
      return value === true ? 1 : 0;
    case "length": {
      const { pixels, ratio } = value as { readonly pixels?: number | null; readonly ratio?: number | null };
      return pixels ?? toRatio(ratio ?? 0);
    }
    default:
      return form.words[value as string]?.wire;
  }
}

/** What the schema calls a word of the wire in this place. */
export function toSchemaWord(wire: string, field: Pick<InputField, "form"> | undefined): string {
  const words = typeof field?.form === "object" ? Object.entries(field.form.words) : [];
  return words.find(([, word]) => word.wire === wire)?.[0] ?? wire;
}

/** With a decimal point: by it IMM distinguishes a ratio of 1 from one pixel. */
function toRatio(ratio: number): unknown {
  return Number.isInteger(ratio) ? readExactNumber(`${ratio}.0`) : ratio;
}

/** How a member of the wire becomes a field. */
interface View {
  readonly structures: WeakMap<Model, InputStructure>;
  readonly shows: (member: Member) => boolean;
  readonly toField: (wireName: string, member: Member) => Omit<InputField, "inner" | "wireName" | "member">;
  readonly rulesOf: (owner: {
    readonly rules: readonly Rule[];
    readonly inputRules: readonly Rule[];
  }) => readonly Rule[];
  readonly groupsOf: (operation: CreateOperation) => InputGroups;
}

const schemaView: View = {
  structures: new WeakMap(),
  shows: ({ unpublished, superseded }) => unpublished !== true && superseded !== true,
  toField: (wireName, member) => ({
    name: schemaNameOf(wireName, member),
    isRequired: member.required === true || member.needed === true,
    form: member.form,
  }),
  rulesOf: ({ rules, inputRules }) => [...rules, ...inputRules],
  groupsOf: ({ inputGroups }) => inputGroups,
};

const wireView: View = {
  structures: new WeakMap(),
  shows: () => true,
  toField: (wireName, { required }) => ({ name: wireName, isRequired: required === true, form: undefined }),
  rulesOf: ({ rules }) => rules,
  groupsOf: () => ({}),
};

function structureOfRequest(operation: CreateOperation, view: View): InputStructure {
  const { action, description, request } = operation;
  const groups = view.groupsOf(operation);
  const grouped = new Set(Object.values(groups).flatMap(({ members }) => members));
  const fields = [
    ...fieldsOf(request, view).filter(({ wireName }) => !grouped.has(wireName ?? "")),
    ...Object.entries(groups).map(([name, group]): InputField => {
      const { schemaName, description: ofGroup } = group;
      const inner = fieldsOf(request, view).filter(({ wireName }) => group.members.includes(wireName ?? ""));
      return {
        name,
        wireName: null,
        member: { type: "object", description: ofGroup },
        isRequired: false,
        form: undefined,
        inner: { schemaName, description: ofGroup, fields: inner, rules: [], ways: waysOf(inner) },
      };
    }),
  ];
  return {
    schemaName: action,
    description,
    fields,
    rules: rulesFor(fields, view.rulesOf(operation)),
    ways: waysOf(fields),
  };
}

function structureOfModel(model: Model, view: View): InputStructure {
  return madeOnce(view.structures, model, () => {
    const { schemaName, description, members } = model;
    const fields = fieldsOf(members, view);
    return { schemaName, description, fields, rules: rulesFor(fields, view.rulesOf(model)), ways: waysOf(fields) };
  });
}

/** A rule does not speak of what is hidden. */
function rulesFor(fields: readonly InputField[], rules: readonly Rule[]): readonly Rule[] {
  const ways = waysOf(fields);
  return rules.filter((rule) => rule.kind !== "exactlyOneOf" || rule.members.every((name) => ways.has(name)));
}

function fieldsOf(members: Members, view: View): readonly InputField[] {
  return Object.entries(members)
    .filter(([, member]) => view.shows(member))
    .map(([wireName, member]) => {
      const shape = member.items ?? member;
      const inner = shape.type === "object" ? structureOfModel(modelOf(shape), view) : undefined;
      return { ...view.toField(wireName, member), wireName, member, inner };
    });
}

function waysOf(fields: readonly InputField[]): ReadonlyMap<string, readonly InputField[]> {
  const ways = fields.flatMap((field): readonly (readonly [string, readonly InputField[]])[] =>
    field.wireName === null
      ? (field.inner?.fields ?? []).map((inner) => [inner.wireName ?? "", [field, inner]])
      : [[field.wireName, [field]]],
  );
  return new Map(ways);
}

function madeOnce<K extends object, V>(made: WeakMap<K, V>, key: K, make: () => V): V {
  const known = made.get(key) ?? make();
  made.set(key, known);
  return known;
}
