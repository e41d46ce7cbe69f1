/** What is an instant: RFC 3339 text with its zone, whatever the machine's own is. Pure. */

/** A date, a time of day, a fraction of any length, and `Z` or an offset. */
const INSTANT = /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

/**
 * An instant in milliseconds since the epoch; null when the text is none, for example without a zone, or on a day that its
 * month does not have. Leap seconds are not taken: no date of JavaScript holds one.
 */
export function parseInstant(text: string): number | null {
  const [, day = ""] = INSTANT.exec(text) ?? [];
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  // Of February 30 some engines make March 2.
  if (Number.isNaN(dayMs) || new Date(dayMs).getUTCDate() !== Number(day.slice(-2))) return null;
  return Date.parse(text.toUpperCase());
}
