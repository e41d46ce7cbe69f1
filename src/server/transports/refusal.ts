/** What an HTTP request is told that is refused before it is a GraphQL request. Says nothing of its content. Pure. */

/** The body of a refusal: the JSON form of a GraphQL answer. */
export interface Refusal {
  readonly errors: readonly { readonly message: string; readonly extensions: { readonly code: string } }[];
}

export const STOPPING = "The gateway is shutting down.";

/** The refusal that goes with an HTTP status. */
export function toRefusal(status: number, maxRequestBytes: number): Refusal {
  switch (status) {
    case 403:
      return refusal("Pages of this origin are not let in.");
    case 405:
      return refusal("Expected a mutation to be posted.");
    case 406:
      return refusal("Expected a request that accepts text/event-stream.");
    case 413:
      return refusal(`Expected a request of at most ${maxRequestBytes} bytes.`);
    case 415:
      return refusal("Expected the content type application/json.");
    case 503:
      return refusal(STOPPING);
    default:
      return refusal("Expected a JSON body of the form { query, variables, operationName }.");
  }
}

export function refusal(message: string): Refusal {
  return { errors: [{ message, extensions: { code: "BAD_REQUEST" } }] };
}
