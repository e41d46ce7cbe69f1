/** What an access file may say though it was hardly meant: tokens that are over, types that there are not, claims that no token has. */

import type { AccessConfig, ClaimGrantConfig, GrantConfig } from "../../access/config/access-config.js";
import { toGrants } from "../../access/config/to-grants.js";
import { gives } from "../../access/grants/grants.js";
import { isPlainPattern } from "../../access/grants/project-pattern.js";
import type { Clock } from "../../clock.js";
import type { CommandOptions } from "../../options/options.js";
import { hintAtTaskType } from "../../tasks/read/task-type-hint.js";
import { warning, type Check } from "./check.js";

/** A grant, and where it stands. */
export interface PlacedGrant {
  /** For example `issuers[0].grants[1]`. */
  readonly place: string;
  readonly grant: ClaimGrantConfig;
  readonly isOfIssuer: boolean;
}

const WEEK_MS = 7 * 86_400_000;

/** Every grant of a file. */
export function grantsOf({ issuers = [], tokens = [], anonymous }: AccessConfig): readonly PlacedGrant[] {
  const place = (grants: readonly GrantConfig[], where: string, isOfIssuer: boolean): PlacedGrant[] =>
    grants.map((grant, index) => ({ place: `${where}.grants[${index}]`, grant, isOfIssuer }));
  return [
    ...issuers.flatMap(({ grants }, index) => place(grants, `issuers[${index}]`, true)),
    ...tokens.flatMap(({ grants }, index) => place(grants, `tokens[${index}]`, false)),
    ...place(anonymous?.grants ?? [], "anonymous", false),
  ];
}

/** Projects that a file names in full. */
export function projectsIn(config: AccessConfig): readonly string[] {
  const names = grantsOf(config).flatMap(({ grant }) => grant.projects);
  return [...new Set(names.filter((name) => isPlainPattern(name) && !name.endsWith("*")))];
}

export function checkGrants(config: AccessConfig, options: CommandOptions, clock: Clock): readonly Check[] {
  const grants = grantsOf(config);
  return [
    ...checkTokens(config, clock.now()),
    ...checkEmpty(config),
    ...(config.issuers ?? []).flatMap(({ caller = "/sub" }, index) =>
      checkPointer(caller, `issuers[${index}].caller`, true),
    ),
    ...grants.flatMap((placed) => [
      ...checkPointers(placed),
      ...checkTypes(placed),
      ...checkReach(placed, options.projects),
    ]),
    ...checkAnonymous(config, options),
  ];
}

function note(place: string, message: string, cure: string): Check {
  return warning(`access:${place}`, `${place}: ${message}`, cure);
}

function checkTokens({ tokens = [] }: AccessConfig, now: number): Check[] {
  return tokens.flatMap(({ name, expiresAt }, index) => {
    if (expiresAt === undefined) return [];
    const leftMs = new Date(expiresAt).getTime() - now;
    if (leftMs > WEEK_MS) return [];
    const message = leftMs <= 0 ? `the token ${name} has expired.` : `the token ${name} expires within a week.`;
    const cure = "Make another by `imm-graphql token`, hand it out, and take this one away.";
    return [note(`tokens[${index}].expiresAt`, message, cure)];
  });
}

function checkEmpty({ issuers = [], tokens = [], anonymous }: AccessConfig): Check[] {
  const places = [
    ...issuers.map(({ grants }, index) => [`issuers[${index}].grants`, grants] as const),
    ...tokens.map(({ grants }, index) => [`tokens[${index}].grants`, grants] as const),
    ["anonymous.grants", anonymous?.grants ?? [null]] as const,
  ];
  return places.flatMap(([place, grants]) =>
    grants.length > 0 ? [] : [note(place, "there are none: such a caller may do nothing.", "Add a grant.")],
  );
}

function checkPointers({ place, grant, isOfIssuer }: PlacedGrant): Check[] {
  if (!isOfIssuer) return [];
  const { when = {}, own, projects } = grant;
  return [
    ...Object.keys(when).flatMap((pointer) => checkPointer(pointer, `${place}.when`, true)),
    ...(own === undefined ? [] : checkPointer(own.equals, `${place}.own.equals`, true)),
    ...projects.flatMap((project) =>
      [...project.matchAll(/\{([^{}]*)\}/g)].flatMap(([, pointer = ""]) =>
        checkPointer(pointer, `${place}.projects`, false),
      ),
    ),
  ];
}

/** What RFC 7519 says of claims: a text or a number has no members, and a number names nothing. */
const TEXTS = new Set(["iss", "sub", "jti"]);
const NUMBERS = new Set(["exp", "nbf", "iat"]);

/** Whether a claim can stand there in any token. */
function checkPointer(pointer: string, place: string, isText: boolean): Check[] {
  const [name = "", ...inner] = pointer.split("/").slice(1);
  const wrong = (why: string, cure: string): Check[] => [
    note(place, `no token has a claim at ${pointer}: ${why}.`, cure),
  ];
  if (/^https?:$/.test(name) && inner[0] === "") {
    const escaped = `/${pointer.slice(1).replaceAll("/", "~1")}`;
    return wrong(
      "a / in the name of a claim is written ~1",
      `Write ${escaped}, or add the name of a member behind it.`,
    );
  }
  if ([name, ...inner].includes("")) return wrong("a name in it is empty", "Take the / too many out.");
  if (NUMBERS.has(name))
    return wrong(`${name} is a number`, `Point to a claim that is a text${isText ? "" : " or texts"}.`);
  if (TEXTS.has(name) && inner.length > 0) return wrong(`${name} is a text, without members`, `Write /${name}.`);
  if (name === "aud" && inner.some((index) => !/^\d+$/.test(index))) {
    return wrong("aud is a text, or a list of texts", "Write /aud.");
  }
  return [];
}

function checkTypes({ place, grant: { taskTypes = [] } }: PlacedGrant): Check[] {
  return taskTypes.flatMap((type, index) => {
    const hint = hintAtTaskType(type);
    if (hint === null) return [];
    const cure =
      "Correct it, unless IMM has this type and the gateway does not know it yet; docs/task-types.md lists those it knows.";
    return [note(`${place}.taskTypes[${index}]`, hint, cure)];
  });
}

/** A grant that IMM_PROJECTS leaves nothing of. What a claim stands in is not known. */
function checkReach({ place, grant, isOfIssuer }: PlacedGrant, served: readonly string[] | undefined): Check[] {
  if (served === undefined || !grant.projects.every(isPlainPattern)) return [];
  // Without claims: of a grant of an issuer the owner is one, of which projects do not depend.
  const { own, ...rest } = grant;
  const [read] = toGrants([isOfIssuer ? rest : { ...rest, own }], undefined);
  const isReached = served.some((projectName) =>
    grant.allow.some((right) => read !== undefined && gives(read, right, { projectName })),
  );
  const names = grant.projects.join(", ");
  return isReached
    ? []
    : [
        note(
          `${place}.projects`,
          `IMM_PROJECTS has none of ${names}: the grant gives nothing.`,
          "Correct one of the two.",
        ),
      ];
}

function checkAnonymous({ anonymous }: AccessConfig, { readOnly }: CommandOptions): Check[] {
  const rights = new Set(anonymous?.grants.flatMap(({ allow }) => allow));
  if (rights.has("secrets")) {
    return [
      note("anonymous", "callers without a token may see passwords in definitions.", "Take the right `secrets` away."),
    ];
  }
  if (!rights.has("create") || readOnly) return [];
  return [
    note("anonymous", "callers without a token may start tasks, which cost money.", "Take the right `create` away."),
  ];
}
