/**
 * The one loop over IMM's pages, for all who read lists.
 *
 * It goes from NextToken to NextToken, and ends at the last page, at a bound, or when no one wants the next page any more;
 * its reader ends it by leaving the loop. A token that comes back, or is too long for one, is refused behind its page.
 */

import { UpstreamInvalidResponseError } from "../../errors.js";

/** What a page says of the next one. */
export interface Page {
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
}

/** How far to read. */
export interface PagesOptions {
  /** The token of the first page to read. @default the beginning */
  readonly from?: string | undefined;
  /** Pages at most. IMM may give empty ones with more behind them. */
  readonly maxPages: number;
  /** Asked before each page. @default always */
  readonly isWanted?: () => boolean;
}

/** Several times as long as the tokens of IMM. Each travels in a URL, and in a cursor. */
const MAX_TOKEN_LENGTH = 2_048;

/** The parameter of ListTasks that names a page. */
export function pageAt(nextToken: string | undefined): { readonly nextToken?: string } {
  return nextToken === undefined ? {} : { nextToken };
}

/**
 * The pages, one by one. Whether the list has ended, the last one says.
 *
 * @throws UpstreamInvalidResponseError - behind a page whose token came before, or is too long, also when no more are wanted.
 */
export async function* readPages<P extends Page>(
  readPage: (nextToken: string | undefined) => Promise<P>,
  { from, maxPages, isWanted = () => true }: PagesOptions,
): AsyncGenerator<P, void> {
  const seen = new Set([from]);
  let token = from;
  for (let count = 0; count < maxPages && isWanted(); count += 1) {
    const page = await readPage(token);
    yield page;
    token = page.nextToken;
    if (token === undefined) return;
    if (seen.has(token)) throw new UpstreamInvalidResponseError("IMM's list does not move on.");
    if (token.length > MAX_TOKEN_LENGTH) throw new UpstreamInvalidResponseError("IMM's list goes on at no place.");
    seen.add(token);
  }
}
