/**
 * Which names stand for secrets, compared by their words, however they are written: `AccessKeyId`, `access-key` and
 * `ossaccesskeyid`, but not `KeyFrame` or `TokenCount`. Pure; for `redaction.ts`.
 */

/** An acronym up to the capital of the next word, or a word. */
const WORD = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g;

const SECRET =
  "pass(?:word|wd|phrase|code|key)|pwd|secret|token|(?<!^de)signature|authorization|cookie|bearer|jwt|credential";
/** What makes a key one that opens something. */
const OPENING =
  "access|account|api|app|auth|client|crypto|customer|decrypt(?:ion)?|encrypt(?:ion)?|hmac|master|private|secret|security|session|shared|sign(?:ing)?|ssh|storage|subscription";

/** What makes a pass one that opens something, and no second pass over a video. */
const PASSING = "admin|archive|auth|db|ftp|proxy|root|smtp|ssh|user|zip";

/** One word, or several that were written as one. */
const SECRET_WORD = new RegExp(`(?:${SECRET}|(?:access|api|private|secret)key)s?(?:id|value|text|hash|string|base)?$`);
/** Two words or three, joined. */
const SECRET_WORDS = new RegExp(`^(?:${SECRET}|(?:${OPENING})key|(?:${PASSING})pass)s?$`);
/** Too short to be looked for within a word: an AccessKey and its secret, a signature, a password. */
const SHORT_WORD = /^(?:aksk|ak|sk|sig|pw)$/;
/** Within the whole name: which RAM role is assumed, and the pass that stands alone. */
const WHOLE_NAME = /^pass$|(?:assume|execution|iam|ram|service|session)role|role(?:arn|name|session)/;

/** What describes a secret and is none: by the last word, or by the first. */
const HARMLESS_END =
  /^(?:algorithm|bucket|count|cutter|date|duration|enabled|encoding|expiration|expires|expiry|format|frames?|length|limit|method|mode|required|size|time|timestamp|ttl|type|version)$/;
const HARMLESS_START = /^(?:max|min|num|total)$/;

/** What is in every such name, without what stands between its words: most names are decided by it, in no time. */
const HINT = /ak|sk|sig|pw|pass|secret|token|authorization|cookie|bearer|jwt|credential|key|role|policy/i;

/** Longer ones are no names, but text. */
const MAX_NAME_LENGTH = 256;

/** Whether what stands under this name is a secret. */
export function isSecretName(name: string): boolean {
  if (!hasHint(name)) return false;
  const words = wordsOf(name);
  if (words.length > 1 && (HARMLESS_END.test(words.at(-1) ?? "") || HARMLESS_START.test(words[0] ?? ""))) return false;
  if (WHOLE_NAME.test(words.join(""))) return true;
  return words.some(
    (word, index) =>
      SHORT_WORD.test(word) ||
      SECRET_WORD.test(word) ||
      SECRET_WORDS.test(words.slice(index, index + 2).join("")) ||
      SECRET_WORDS.test(words.slice(index, index + 3).join("")),
  );
}

/** Whether everything below this name is secret, names of roles and keys. */
export function isCredentialsName(name: string): boolean {
  return hasHint(name) && wordsOf(name).join("").includes("credential");
}

/** Whether the name is `Role` or `Policy`: of RAM, or of a story or a file. */
export function isRoleOrPolicyName(name: string): boolean {
  return hasHint(name) && /^(?:role|policy)$/.test(wordsOf(name).join(""));
}

/** Whether a `Role` or a `Policy` beside this name is one of RAM. */
export function isRamName(name: string): boolean {
  if (!hasHint(name)) return false;
  const joined = wordsOf(name).join("");
  return joined === "roletype" || WHOLE_NAME.test(joined);
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
