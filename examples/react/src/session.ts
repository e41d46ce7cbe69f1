/** Who uses the board. The gateway's board takes a token; the example's issuer gives fresh ones, as an app's login does. */

import { createClient, type BoardClient } from "./client.ts";

/** The issuer's URL where people sign in by their names; an app of its own has its login there. */
export const LOGIN_URL = import.meta.env["VITE_LOGIN_URL"];

/** Where tokens come from. */
export interface Login {
  /** For people to read; null for a token, which says nothing of its owner. */
  readonly name: string | null;
  readonly hasToken: boolean;
  readonly getToken: () => Promise<string | null>;
  /** Forgets the token that `getToken` gave, so that it gives a fresh one; undefined where there is no other. */
  readonly renew?: () => void;
}

/** Someone who uses the board, with a client of its own: what another's cache held is gone. */
export interface Session extends BoardClient {
  readonly login: Login;
  /** Calls back when the gateway does not believe the token, or wants one. */
  onRefused: (() => void) | undefined;
}

export function openSession(login: Login): Session {
  const session: Session = {
    login,
    onRefused: undefined,
    ...createClient(login, () => session.onRefused?.()),
  };
  return session;
}

/** Where the token is kept until the tab is closed. */
const KEY = "imm-graphql.board.token";

/** The login of a token. */
export function rememberToken(token: string): Login {
  sessionStorage.setItem(KEY, token);
  return tokenLogin(token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}

/** What the board begins with: the token of this tab, or none, since a gateway may ask for none. Null: people sign in first. */
export function firstLogin(): Login | null {
  return LOGIN_URL === undefined ? tokenLogin(sessionStorage.getItem(KEY)) : null;
}

function tokenLogin(token: string | null): Login {
  return { name: null, hasToken: token !== null, getToken: async () => token };
}

/** One who can sign in at the example's issuer. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
}

export async function fetchPeople(): Promise<Person[]> {
  return fetchJson(`${LOGIN_URL}/people`);
}

/** A token that has less than this of its life left is not used any more. */
const RENEW_AT = 0.2;

/** A login that gives the same token until it is about to expire, then a fresh one. */
export function personLogin({ id, name, tenant }: Person): Login {
  let current: Promise<{ token: string; freshUntil: number }> | undefined;
  const fetchToken = async () => {
    const at = performance.now();
    const { token, lifetimeSeconds } = await fetchJson<{ token: string; lifetimeSeconds: number }>(
      `${LOGIN_URL}/people/${id}/token`,
    );
    return { token, freshUntil: at + lifetimeSeconds * 1_000 * (1 - RENEW_AT) };
  };
  async function getToken() {
    // What failed is asked for again the next time.
    const known = await current?.catch(() => undefined);
    if (known !== undefined && performance.now() < known.freshUntil) return known.token;
    current = fetchToken();
    return (await current).token;
  }
  return { name: `${name} of ${tenant}`, hasToken: true, getToken, renew: () => (current = undefined) };
}

async function fetchJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The login answers ${response.status}.`);
  return response.json() as Promise<T>;
}
