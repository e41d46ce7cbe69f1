/** GraphQL over HTTP, as any client sends it. */

export interface QueryError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: Readonly<Record<string, unknown>>;
}

export interface QueryAnswer<Data> {
  readonly status: number;
  readonly data: Data | null | undefined;
  readonly errors: readonly QueryError[];
  /** The answer as it travelled. */
  readonly text: string;
}

/** Posts an operation to the gateway at `url`, for example `http://127.0.0.1:4000`. */
export async function query<Data = Record<string, unknown>>(
  url: string,
  document: string,
  variables?: Readonly<Record<string, unknown>>,
): Promise<QueryAnswer<Data>> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: document, variables }),
  });
  const text = await response.text();
  const { data, errors = [] } = JSON.parse(text) as { data?: Data; errors?: readonly QueryError[] };
  return { status: response.status, data, errors, text };
}

/** A task's key, of the demo project unless it names one. */
interface Key {
  readonly projectName?: string;
  readonly taskType: string;
  readonly taskId: string;
}

/** The argument that names a task, as it stands in a document. */
export function keyArguments(key: Key): string {
  return `key: ${keyLiteral(key)}`;
}

/** A key as it stands in a list of keys. */
export function keyLiteral({ projectName = "immtest", taskType, taskId }: Key): string {
  return `{ projectName: ${JSON.stringify(projectName)}, taskType: ${JSON.stringify(taskType)}, taskId: ${JSON.stringify(taskId)} }`;
}

/** A failure of a create, of the request or of its payload, in one form. */
export interface Refusal {
  readonly code: unknown;
  readonly message: string;
  /** Such as `input.sources[0].uri`; undefined where none is named. */
  readonly argument: unknown;
  readonly retryAfterMs: unknown;
}

/** A payload, as far as its user errors were selected by `USER_ERRORS`. */
interface RefusedPayload {
  readonly userErrors?: readonly {
    readonly code: string;
    readonly message: string;
    readonly path: readonly string[] | null;
    readonly retryAfterMs: number | null;
  }[];
}

/** Selects what `refusalsOf` reads. */
export const USER_ERRORS = "userErrors { code message path retryAfterMs }";

/** Why the creates of an operation gave no task: errors of the request first, then those of the payloads. */
export function refusalsOf({ data, errors }: Pick<QueryAnswer<object>, "data" | "errors">): readonly Refusal[] {
  const payloads = Object.values(data ?? {}) as readonly (RefusedPayload | null)[];
  return [
    ...errors.map(({ message, extensions: { code, argument, retryAfterMs } }) => ({
      code,
      message,
      argument,
      retryAfterMs,
    })),
    ...payloads
      .flatMap((payload) => payload?.userErrors ?? [])
      .map(({ path, ...error }) => ({
        ...error,
        argument: path?.reduce((name, step) => (/^\d+$/.test(step) ? `${name}[${step}]` : `${name}.${step}`)),
      })),
  ];
}
