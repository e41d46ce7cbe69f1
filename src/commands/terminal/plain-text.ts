/** Texts of IMM, of gateways and of users as they may be shown: none of them moves the cursor, colours or hides anything. Pure. */

/** What has a symbol of its own in Unicode, ESC for example; and, at their ends, DEL. */
const CONTROL = /[\0-\x1F\x7F]/g;
/** Further controls, halves of characters, line ends, and what turns the direction of a line or is not seen. Emoji need the joiner. */
const UNSEEN = /(?!\u200D)[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Cf}]/gu;
const ESCAPED_IN_JSON = /[\x7F\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu;

/** A text on one line, with symbols in the place of what is none. */
export function toPlainText(text: string): string {
  return text
    .replaceAll(/[\t\n\r]+/g, " ")
    .replaceAll(CONTROL, (control) =>
      String.fromCharCode(control === "\x7F" ? 0x24_21 : 0x24_00 + control.charCodeAt(0)),
    )
    .replaceAll(UNSEEN, "\uFFFD");
}

/** A value as JSON on one line, in which the same is escaped: it parses to the same value. */
export function toPlainJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(ESCAPED_IN_JSON, (character) =>
    character === "\n"
      ? character
      : [...Array(character.length).keys()]
          .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`)
          .join(""),
  );
}
