/** Whether the keys of each issuer can be had: by `fetchKeys`, as the gateway does it, or from the access file itself. */

import { fetchKeys, KeysUnavailable } from "../../access/authenticators/fetch-keys.js";
import { keyIdsOf } from "../../access/authenticators/key-ids.js";
import type { IssuerConfig } from "../../access/config/access-config.js";
import { failed, ok, warning, wordsOf, type Check, type Finding } from "./check.js";
import type { Rules } from "./access.js";

/** One check for each issuer; none where there is no issuer. */
export async function checkIssuerKeys({ file }: Rules, signal: AbortSignal): Promise<Finding<true>> {
  const checks = await Promise.all((file?.config.issuers ?? []).map(async (issuer) => checkKeys(issuer, signal)));
  return { checks, value: true };
}

async function checkKeys({ issuer, jwks }: IssuerConfig, signal: AbortSignal): Promise<Check> {
  const id = `keys:${issuer}`;
  if (!("url" in jwks) || jwks.url === undefined) {
    const { keys } = jwks as Extract<typeof jwks, { keys: unknown }>;
    const broken = keys.filter((key) => keyIdsOf([key]).size === 0).length;
    if (broken === 0) return ok(id, `The file has ${count(keys.length)} of ${issuer}.`);
    const cure = "Copy them from what the issuer publishes.";
    return warning(id, `The file has ${count(keys.length)} of ${issuer}, of which ${broken} cannot be read.`, cure);
  }
  try {
    const { keys } = await fetchKeys(jwks.url, signal);
    return ok(id, `${issuer} publishes ${count(keys.length)} at ${jwks.url}.`);
  } catch (thrown) {
    const reason = thrown instanceof KeysUnavailable ? `${thrown.message}.` : wordsOf(thrown);
    const cure =
      "Is `jwks.url` the jwks_uri of the issuer's /.well-known/openid-configuration, and may this machine ask there? Until it answers, none of its tokens is let in.";
    return failed(id, `The keys of ${issuer} cannot be had at ${jwks.url}: ${reason}`, cure);
  }
}

function count(keys: number): string {
  return keys === 1 ? "one key" : `${keys} keys`;
}
