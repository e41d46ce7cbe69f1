import type { ApolloClient } from "@apollo/client";
import { createClient } from "./client.js";

/** One who can sign in. */
export interface Person {
  id: string;
  name: string;
  tenant: string;
}

/** Someone who is signed in, with a client of its own: nobody sees what another's cache holds. */
export interface Session {
  person: Person;
  client: ApolloClient;
  signOut: () => void;
}

/** A token that has less than this of its life left is not used any more. */
const RENEW_AT = 0.2;

/** Who can sign in. */
export async function fetchPeople(): Promise<Person[]> {
  return fetchJson("/issuer/people");
}

/** Signs in. An app of its own asks its login here. */
export function signIn(person: Person): Session {
  const { client, close } = createClient(createTokens(`/issuer/people/${person.id}/token`));
  return { person, client, signOut: close };
}

/** Gives the same token until it is about to expire, then a fresh one. */
function createTokens(url: string): () => Promise<string> {
  let current: Promise<{ token: string; freshUntil: number }> | undefined;
  const fetchToken = async () => {
    const at = performance.now();
    const { token, lifetimeSeconds } = await fetchJson<{ token: string; lifetimeSeconds: number }>(url);
    return { token, freshUntil: at + lifetimeSeconds * 1_000 * (1 - RENEW_AT) };
  };
  return async () => {
    // What failed is asked for again the next time.
    const known = await current?.catch(() => undefined);
    if (known !== undefined && performance.now() < known.freshUntil) return known.token;
    current = fetchToken();
    return (await current).token;
  };
}

async function fetchJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The login answers ${response.status}.`);
  return response.json() as Promise<T>;
}
