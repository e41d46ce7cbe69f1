/**
 * The forms of the table's rows, and small builders that write them. Facts only: what a row means to a wire, a check or a
 * schema is for its readers. Every file of the table imports this one; outside the folder it is reached through
 * `imm/operations.ts`.
 */

/** How a value is typed on the wire. A `map` has free keys; an `object` has the members of its `model`. */
export type WireType = "string" | "boolean" | "integer" | "number" | "array" | "object" | "map";

/** The bounds of a number. Both belong to the range unless they are exclusive. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly exclusiveMin?: true;
  readonly exclusiveMax?: true;
}

/** What a value may be, whatever it is called. */
export interface Shape {
  readonly type: WireType;
  /** How the service keeps an integer or a number. */
  readonly format?: "int32" | "int64" | "float" | "double";
  /** The model's name, when `type` is `object`. */
  readonly model?: string;
  readonly items?: Shape;
  /** Known values. The vocabulary is open unless `closed` is set. */
  readonly values?: readonly (string | number)[];
  /** Whether IMM refuses a value that is not among `values`. */
  readonly closed?: true;
  readonly range?: Range;
  /** Bytes of UTF-8 that a text may have. */
  readonly maxBytes?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  /** Whether a text is an OSS URI, `oss://bucket/object`. */
  readonly isOssUri?: true;
}

/** One member of a model, of a request or of an answer. */
export interface Member extends Shape {
  /** One sentence of ours. Range, default and known values are not repeated in it. */
  readonly description: string;
  readonly required?: true;
  /** What IMM takes when the member is omitted. */
  readonly default?: string | number | boolean;
  /** The name in the schema, where it does not follow from the wire's. */
  readonly schemaName?: string;
  /** Where an array has two items, a begin and an end: what the schema calls each, as fields of their own. */
  readonly pair?: readonly [PairField, PairField];
  /** How inputs of the schema write the value, where not as the wire does. */
  readonly form?: InputForm;
  /** Whether inputs must have the member although IMM's documents do not say so: without it, nothing sensible is asked for. */
  readonly needed?: true;
  /** The least number that makes sense, where the documents give no range. Inputs are held to it. */
  readonly atLeast?: number;
  /** Whether inputs do not have the member, since another one says the same. */
  readonly superseded?: true;
  /** Whether the value is an OSS URI that the task writes to, or that the names of what it writes begin with. */
  readonly isOutput?: true;
  /** Whether the vendor lists the member but asks not to use it yet. */
  readonly unpublished?: true;
}

export interface PairField {
  readonly schemaName: string;
  readonly description: string;
}

/**
 * How an input writes a value that the wire writes in another way: an instant is RFC 3339 text, a length is pixels or a
 * ratio where the wire has one number for both, a switch is a boolean where the wire has 1 and 0, and a vocabulary gives
 * the words of a closed choice names of the schema.
 */
export type InputForm = "instant" | "length" | "switch" | Vocabulary;

/** A closed choice: an enum of the schema, whose values stand for words of the wire. */
export interface Vocabulary {
  readonly schemaName: string;
  readonly description: string;
  /** By the names that the schema gives them. */
  readonly words: Readonly<Record<string, { readonly wire: string; readonly description: string }>>;
}

/** Members that inputs hold in an object of their own, while on the wire they stand beside the others. */
export interface InputGroup {
  /** The noun that the schema calls the object's type by. */
  readonly schemaName: string;
  readonly description: string;
  /** By the wire's names. */
  readonly members: readonly string[];
}

export type InputGroups = Readonly<Record<string, InputGroup>>;

export type Members = Readonly<Record<string, Member>>;

/** One request parameter: a member with a place. */
export interface Parameter extends Member {
  readonly in: "query" | "body";
}

export type Parameters = Readonly<Record<string, Parameter>>;

/** What holds between the members of one request or model, beyond what each of them says. Names are the wire's. */
export type Rule =
  | { readonly kind: "exactlyOneOf" | "atLeastOneOf" | "atMostOneOf"; readonly members: readonly string[] }
  | { readonly kind: "needs"; readonly member: string; readonly needs: string }
  /** `members` mean something only where `where` has one of these values; null stands for one that is omitted. */
  | {
      readonly kind: "onlyWhere";
      readonly members: readonly string[];
      readonly where: string;
      readonly values: readonly (string | null)[];
    };

/** A nested structure that members refer to by name. */
export interface Model<M extends Members = Members> {
  /** The noun that the schema calls it by; its types are named after it, by `typeNameOf`. */
  readonly schemaName: string;
  readonly description: string;
  readonly members: M;
  readonly rules: readonly Rule[];
  /** What inputs are held to beyond what IMM documents. */
  readonly inputRules: readonly Rule[];
}

/** Who may use an operation. */
export type Stage = "general" | "public-preview" | "invitational-preview";

/** How sure the spelling of a task type is: printed in the docs, seen in the SDK, or concluded from the event type. */
export type Evidence = "docs" | "sdk" | "inferred";

/** One operation. All are `POST /` in the RPC style, the action being a header. */
export interface Operation<Request extends Parameters = Parameters, Response extends Members = Members> {
  readonly action: string;
  readonly kind: "get" | "list" | "create" | "result";
  readonly description: string;
  readonly stage: Stage;
  readonly request: Request;
  readonly response: Response;
  readonly rules: readonly Rule[];
}

export interface CreateOperation<Request extends Parameters = Parameters> extends Operation<Request, typeof CREATED> {
  readonly kind: "create";
  /** The name of the mutation, where it does not follow from the action. */
  readonly schemaName?: string;
  /** The value of `TaskType` of the tasks it starts. It does not follow from the action. */
  readonly taskType: string;
  readonly evidence: Evidence;
  /** Whether GetTask returns the request definition of such a task. */
  readonly hasRequestDefinition: boolean;
  /** The type of the completion event: a third vocabulary. Null when none is listed. */
  readonly eventType: string | null;
  /** Days after its start when IMM forgets such a task. Null where the docs do not say. */
  readonly retentionDays: number | null;
  /** What inputs are held to beyond what IMM documents. */
  readonly inputRules: readonly Rule[];
  /** By the names of their members in the input. */
  readonly inputGroups: InputGroups;
}

/** An operation that reads what tasks of one type came to. */
export interface ResultOperation<Response extends Members = Members> extends Operation<Parameters, Response> {
  readonly kind: "result";
  readonly taskType: string;
  /** The noun that the schema calls the result by. */
  readonly schemaName: string;
  /** The member of the answer that holds the outcome; the others are those of a task. */
  readonly outcome: keyof Response & string;
}

// --- members ---

type Facts = Omit<Member, "type" | "format" | "items" | "model" | "description">;

type Described<S extends Shape, F> = S & { readonly description: string } & F;

type NoFacts = Readonly<Record<never, never>>;

type Builder<S extends Shape> = <const F extends Facts = NoFacts>(description: string, facts?: F) => Described<S, F>;

function builder<const S extends Shape>(shape: S): Builder<S> {
  return (description, facts) => described(shape, description, facts);
}

export const text = builder({ type: "string" });
export const ossUri = builder({ type: "string", isOssUri: true });
export const flag = builder({ type: "boolean" });
export const int32 = builder({ type: "integer", format: "int32" });
export const int64 = builder({ type: "integer", format: "int64" });
export const float = builder({ type: "number", format: "float" });
export const double = builder({ type: "number", format: "double" });
/** An object whose keys are the caller's. */
export const map = builder({ type: "map" });
export const texts = builder({ type: "array", items: { type: "string" } });

/** An object with the members of `model`. */
export function object<const N extends string, const F extends Facts = NoFacts>(
  model: N,
  description: string,
  facts?: F,
): Described<{ readonly type: "object"; readonly model: N }, F> {
  return described({ type: "object", model }, description, facts);
}

/** An array of `items`. */
export function list<const S extends Shape, const F extends Facts = NoFacts>(
  items: S,
  description: string,
  facts?: F,
): Described<{ readonly type: "array"; readonly items: S }, F> {
  return described({ type: "array", items }, description, facts);
}

/** An array of objects with the members of `model`. */
export function objects<const N extends string, const F extends Facts = NoFacts>(
  model: N,
  description: string,
  facts?: F,
): Described<{ readonly type: "array"; readonly items: { readonly type: "object"; readonly model: N } }, F> {
  return list({ type: "object", model }, description, facts);
}

/** A text that is one of the words of a vocabulary. */
export function choice<const F extends Facts = NoFacts>(
  vocabulary: Vocabulary,
  description: string,
  facts?: F,
): Described<{ readonly type: "string"; readonly values: readonly string[]; readonly form: Vocabulary }, F> {
  const values = Object.values(vocabulary.words).map(({ wire }) => wire);
  return described({ type: "string", values, form: vocabulary }, description, facts);
}

function described<const S extends Shape, F>(shape: S, description: string, facts: F | undefined): Described<S, F> {
  // Without facts, F has no members.
  return { ...shape, description, ...facts } as Described<S, F>;
}

/** What every create operation answers. */
export const CREATED = {
  TaskId: text("What the task is called; with its project and type it finds the task."),
  EventId: text("The id of the task's completion event."),
  RequestId: text("IMM's id of the request, what its support asks for."),
};

// --- requests, models and operations ---

type Placed<M extends Members, Place extends Parameter["in"]> = {
  readonly [Name in keyof M]: M[Name] & { readonly in: Place };
};

/** Parameters that travel in the query string: nearly all. */
export function inQuery<const M extends Members>(members: M): Placed<M, "query"> {
  return placed(members, "query");
}

/** Parameters that travel in the form body. */
export function inBody<const M extends Members>(members: M): Placed<M, "body"> {
  return placed(members, "body");
}

function placed<M extends Members, Place extends Parameter["in"]>(members: M, place: Place): Placed<M, Place> {
  const entries = Object.entries(members).map(([name, member]) => [name, { ...member, in: place }]);
  // The entries were made from the very members that the type is made from.
  return Object.fromEntries(entries) as Placed<M, Place>;
}

export function model<const M extends Members>(
  schemaName: string,
  description: string,
  members: M,
  { rules = [], inputRules = [] }: Partial<Pick<Model, "rules" | "inputRules">> = {},
): Model<M> {
  return { schemaName, description, members, rules, inputRules };
}

type Implied = "stage" | "rules" | "inputRules" | "inputGroups" | "evidence" | "eventType" | "retentionDays";

type CreateRow = Omit<CreateOperation, "action" | "kind" | "response" | Implied> &
  Partial<Pick<CreateOperation, Implied>>;

/** The create operations, by action; what most of them have in common need not be said. */
export function creates<const Rows extends Readonly<Record<string, CreateRow>>>(
  rows: Rows,
): { readonly [Action in keyof Rows]: CreateOperation<Rows[Action]["request"]> } {
  const entries = Object.entries(rows).map(([action, row]): [string, CreateOperation] => [
    action,
    {
      action,
      kind: "create",
      stage: "general",
      evidence: "docs",
      eventType: `imm:Task:${row.taskType}`,
      retentionDays: 7,
      rules: [],
      inputRules: [],
      inputGroups: {},
      response: CREATED,
      ...row,
    },
  ]);
  // The entries were made from the very rows that the type is made from.
  return Object.fromEntries(entries) as { readonly [Action in keyof Rows]: CreateOperation<Rows[Action]["request"]> };
}
