/**
 * The one loop over IMM's pages, for all who read lists.
 *
 * It goes from NextToken to NextToken, and ends at the last page, at a bound, or when no one wants the next page any more;
 * its reader ends it by leaving the loop. A token that comes back is refused, since the list would never end.
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

/** The parameter of ListTasks that names a page. */
export function pageAt(nextToken: string | undefined): { readonly nextToken?: string } {
  return nextToken === undefined ? {} : { nextToken };
}

/**
 * The pages, one by one. Whether the list has ended, the last one says.
 *
 * @throws UpstreamInvalidResponseError - when a token comes back.
 */
export async function* readPages<P extends Page>(
  readPage: (nextToken: string | undefined) => Promise<P>,
  { from, maxPages, isWanted = () => true }: PagesOptions,
): AsyncGenerator<P, void> {
  const seen = new Set([from]);
  let token = from;
  for (let count = 0; count < maxPages && isWanted(); count += 1) {
    const page = await readPage(token);
    const { nextToken } = page;
    if (nextToken !== undefined && seen.has(nextToken)) {
      throw new UpstreamInvalidResponseError("IMM's list does not move on.");
    }
    yield page;
    if (nextToken === undefined) return;
    seen.add(nextToken);
    token = nextToken;
  }
}
