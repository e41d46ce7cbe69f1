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
