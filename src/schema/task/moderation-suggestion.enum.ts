/** What moderation suggests, as the schema names it. */

import { makeEnum } from "../table-types.js";

export const ModerationSuggestion = makeEnum(
  "ModerationSuggestion",
  "What to do with an image or a video, by what its check found. More values may come.",
  {
    PASS: "Show it: nothing was found.",
    REVIEW: "Let a person decide. The suggestion changes once they have.",
    BLOCK: "Do not show it.",
    UNKNOWN: "IMM gave a word that the gateway does not know.",
  },
);

/** From IMM's word, in any case; a value that did not fit stays the error that it is. */
export function toModerationSuggestion(word: unknown): unknown {
  if (typeof word !== "string") return word;
  const name = word.toUpperCase();
  return Object.hasOwn(ModerationSuggestion, name) ? name : ModerationSuggestion.UNKNOWN;
}
