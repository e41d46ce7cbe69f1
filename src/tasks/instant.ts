/** What is an instant: RFC 3339 text with its zone, whatever the machine's own is. Pure. */

/** A time of day, a fraction of any length, and `Z` or an offset. */
const TIME = "T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";
const INSTANT = new RegExp(`^\\d{4}-\\d\\d-\\d\\d${TIME}$`, "i");
/** Those on a day that every month has: most instants, at a third of the price. */
const PLAIN_INSTANT = new RegExp(`^\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\\d|2[0-8])${TIME}$`, "i");

/** By month, from 1 on. */
const DAYS_OF_MONTHS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Whether a text is an instant; not, for example, without a zone, or on a day that its month does not have. Leap seconds are
 * not taken: no date of JavaScript holds one.
 */
export function isInstant(text: string): boolean {
  if (PLAIN_INSTANT.test(text)) return true;
  if (!INSTANT.test(text)) return false;
  const month = Number(text.slice(5, 7));
  const day = Number(text.slice(8, 10));
  if (day < 1 || month > 12) return false;
  return day <= (DAYS_OF_MONTHS[month] ?? 0) || (month === 2 && day === 29 && isLeapYear(Number(text.slice(0, 4))));
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** An instant in milliseconds since the epoch; null when the text is none. */
export function parseInstant(text: string): number | null {
  return isInstant(text) ? Date.parse(text.toUpperCase()) : null;
}

/** The years that a time of IMM may lie in; arithmetic beyond them leaves what a date can hold. */
const MAX_EPOCH_MS = Date.UTC(9_999, 0);

/** An instant of IMM in milliseconds since the epoch, or null when there is none or it is no plausible time. */
export function toEpochMs(instant: string | null): number | null {
  if (instant === null) return null;
  const epochMs = parseInstant(instant);
  return epochMs !== null && epochMs >= 0 && epochMs < MAX_EPOCH_MS ? epochMs : null;
}
