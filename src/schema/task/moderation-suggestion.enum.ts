/** What moderation suggests, as the schema names it. */

import { registerEnumType } from "type-graphql";

export const ModerationSuggestion = { PASS: "PASS", REVIEW: "REVIEW", BLOCK: "BLOCK", UNKNOWN: "UNKNOWN" } as const;

registerEnumType(ModerationSuggestion, {
  name: "ModerationSuggestion",
  description: "What to do with an image or a video, by what its check found. More values may come.",
  valuesConfig: {
    PASS: { description: "Show it: nothing was found." },
    REVIEW: { description: "Let a person decide. The suggestion changes once they have." },
    BLOCK: { description: "Do not show it." },
    UNKNOWN: { description: "IMM gave a word that the gateway does not know." },
  },
});

/** From IMM's word, in any case; a value that did not fit stays the error that it is. */
export function toModerationSuggestion(word: unknown): unknown {
  if (typeof word !== "string") return word;
  const name = word.toUpperCase();
  return Object.hasOwn(ModerationSuggestion, name) ? name : ModerationSuggestion.UNKNOWN;
}
