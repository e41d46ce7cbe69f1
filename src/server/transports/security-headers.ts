/**
 * What every answer over HTTP tells a browser to refrain from. `Strict-Transport-Security` is not among it: only the proxy that
 * ends TLS knows whether a name is served by TLS alone.
 */

const NOTHING = ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"];

/** The headers of an answer that is no page, and of pages where they have no other. By their names in lower case. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  // Holds for what a page embeds; what CORS lets in is read all the same.
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": NOTHING.join("; "),
};

/** The policy of a page that may load so much and nothing else. */
export function contentSecurityPolicy(sources: Readonly<Record<string, readonly string[]>>): string {
  return [...NOTHING, ...Object.entries(sources).map(([kind, from]) => [kind, ...from].join(" "))].join("; ");
}
