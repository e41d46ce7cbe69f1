/** Texts of IMM, of gateways and of users as they may be shown: none of them moves the cursor, colours or hides anything. Pure. */

/** Controls, halves of characters, line ends, and what turns the direction of a line or is not seen. Emoji need the joiner. */
const UNSEEN = /(?!\u200D)[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Cf}]/gu;
const ESCAPED_IN_JSON = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu;

/** A text on one line, with symbols in the place of what is none. */
export function toPlainText(text: string): string {
  return text.replaceAll(/[\t\n\r]+/g, " ").replaceAll(UNSEEN, toSymbol);
}

/** Unicode has symbols for the controls of ASCII, ESC for example. */
function toSymbol(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x24_00 + code);
  return code === 0x7f ? "\u2421" : "\uFFFD";
}

/** A value as JSON, on one line unless it is indented, in which the same is escaped: it parses to the same value. */
export function toPlainJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(ESCAPED_IN_JSON, (character) =>
    character === "\n" ? character : character.replaceAll(/[^]/g, toEscape),
  );
}

function toEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
