/**
 * The one loop over IMM's pages, for all who read lists.
 *
 * It goes from NextToken to NextToken, and ends at the last page, at a bound, or when no one wants the next page any more;
 * its reader ends it by leaving the loop. A token that comes back, or is too long for one, is refused behind its page.
 */

import { UpstreamInvalidResponseError } from "../../errors.js";
import type { ListTasksRequest } from "../../imm/imm-client.js";

/** What a page says of the next one. */
export interface Page {
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
}

export interface PagesOptions {
  /** The token of the first page to read. @default the beginning */
  readonly from?: string | undefined;
  /** Pages at most. IMM may give empty ones with more behind them. */
  readonly maxPages: number;
  /** Asked before each page. @default always */
  readonly isWanted?: () => boolean;
  /** What is wrong with a list that has more pages. @default nothing */
  readonly endless?: string;
}

/** Several times as long as the tokens of IMM. Each travels in a URL, and in a cursor. */
const MAX_TOKEN_LENGTH = 2_048;

/**
 * The pages, one by one. Whether the list has ended, the last one says.
 *
 * @throws UpstreamInvalidResponseError - behind a page whose token came before, or is too long, also when no more are wanted;
 * and behind the last that may be read of a list that has to end.
 */
export async function* readPages<P extends Page>(
  request: ListTasksRequest,
  readPage: (request: ListTasksRequest) => Promise<P>,
  { from, maxPages, isWanted = () => true, endless }: PagesOptions,
): AsyncGenerator<P, void> {
  const seen = new Set([from]);
  let token = from;
  for (let count = 0; count < maxPages; count += 1) {
    if (!isWanted()) return;
    const page = await readPage(token === undefined ? request : { ...request, nextToken: token });
    yield page;
    token = page.nextToken;
    if (token === undefined) return;
    if (seen.has(token)) throw new UpstreamInvalidResponseError("IMM's list does not move on.");
    if (token.length > MAX_TOKEN_LENGTH) throw new UpstreamInvalidResponseError("IMM's list goes on at no place.");
    seen.add(token);
  }
  if (endless !== undefined) throw new UpstreamInvalidResponseError(endless);
}
