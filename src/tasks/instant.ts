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

/** The years that a time of IMM may lie in; arithmetic beyond them leaves what a date can hold. */
const MAX_EPOCH_MS = Date.UTC(9_999, 0);

/** An instant of IMM in milliseconds since the epoch, or null when there is none or it is no plausible time. */
export function toEpochMs(instant: string | null): number | null {
  if (instant === null) return null;
  const epochMs = parseInstant(instant);
  return epochMs !== null && epochMs >= 0 && epochMs < MAX_EPOCH_MS ? epochMs : null;
}
