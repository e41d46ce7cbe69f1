/**
 * Which names stand for secrets, compared by their words, however they are written: `AccessKeyId`, `access-key` and
 * `ossaccesskeyid`, but not `KeyFrame` or `TokenCount`. Pure; for `redaction.ts`.
 */

/** An acronym up to the capital of the next word, or a word. */
const WORD = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g;

const SECRET = "pass(?:word|wd|phrase|code|key)|pwd|secret|token|signature|authorization|cookie|bearer|jwt|credential";
/** What makes a key one that opens something. */
const OPENING =
  "access|account|api|app|auth|client|crypto|customer|decrypt(?:ion)?|encrypt(?:ion)?|hmac|master|private|secret|security|session|shared|sign(?:ing)?|ssh|storage|subscription";

/** One word, or several that were written as one. */
const SECRET_WORD = new RegExp(`(?:${SECRET}|(?:access|api|private|secret)key)s?(?:id|value|text|hash|string|base)?$`);
/** Two words or three, joined. */
const SECRET_WORDS = new RegExp(`^(?:${SECRET}|(?:${OPENING})key)s?$`);
/** Whole names. A policy narrows what a role may do. */
const SECRET_NAMES = /^(?:servicerole|assumerolefor|role|policy)$/;

/** What is told of a secret and is none: by the last word, or by the first. */
const HARMLESS_END =
  /^(?:algorithm|count|date|duration|enabled|encoding|expiration|expires|expiry|format|length|limit|method|mode|required|size|time|timestamp|ttl|type|version)$/;
const HARMLESS_START = /^(?:max|min|num|total)$/;

/** What is in every such name, without what stands between its words: most names are told apart by it, in no time. */
const HINT = /pass|pwd|secret|token|signature|authorization|cookie|bearer|jwt|credential|key|role|policy/i;

/** Longer ones are no names, but text. */
const MAX_NAME_LENGTH = 256;

/** Whether what stands under this name is a secret. */
export function isSecretName(name: string): boolean {
  if (!hasHint(name)) return false;
  const words = wordsOf(name);
  if (SECRET_NAMES.test(words.join(""))) return true;
  if (words.length > 1 && (HARMLESS_END.test(words.at(-1) ?? "") || HARMLESS_START.test(words[0] ?? ""))) return false;
  return words.some(
    (word, index) =>
      SECRET_WORD.test(word) ||
      SECRET_WORDS.test(words.slice(index, index + 2).join("")) ||
      SECRET_WORDS.test(words.slice(index, index + 3).join("")),
  );
}

/** Whether everything below this name is secret, names of roles and keys. */
export function isCredentialsName(name: string): boolean {
  return hasHint(name) && wordsOf(name).join("").includes("credential");
}

/** Whether a member of this name says what another one holds: `{"Name": "Password", "Value": "…"}`. */
export function isNameOfName(name: string): boolean {
  return /^(?:n|k|\w*name|\w*key|header|param|parameter|field|property|attribute)$/.test(wordsOf(name).join(""));
}

/** Whether a member of this name is what such a name is given. */
export function isNameOfValue(name: string): boolean {
  return /^(?:v|val|\w*values?|content|data|text|string|default)$/.test(wordsOf(name).join(""));
}

function hasHint(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && HINT.test(name.replaceAll(/[^a-z]/gi, ""));
}

function wordsOf(name: string): readonly string[] {
  return (name.match(WORD) ?? []).map((word) => word.toLowerCase());
}
