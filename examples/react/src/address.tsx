/** What is shown stands in the URL, so that a view can be sent to others, kept, and left by the browser's back button. */

import { useSyncExternalStore, type ComponentProps, type MouseEvent } from "react";

const NAMES = ["project", "status", "type", "since", "task", "start"] as const;

/** What is shown. `task` is a global id; `start`, with any text, is the form that starts a task, of that type. */
export type Address = { readonly [Name in (typeof NAMES)[number]]?: string };

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}

function parse(search: string): Address {
  const parameters = new URLSearchParams(search);
  return Object.fromEntries(NAMES.flatMap((name) => (parameters.has(name) ? [[name, parameters.get(name)!]] : [])));
}

/** What the URL says at present. */
export function useAddress(): Address {
  return parse(useSyncExternalStore(subscribe, () => location.search));
}

export function hrefOf(address: Address): string {
  const given = NAMES.flatMap((name) => (address[name] ? [[name, address[name]]] : []));
  return `${location.pathname}?${new URLSearchParams(given).toString()}`;
}

/** Shows something else. */
export function go(address: Address, how: "push" | "replace" = "push"): void {
  history[`${how}State`](null, "", hrefOf(address));
  for (const listener of listeners) listener();
}

/** A link within the board: it works in a new tab too. */
export function Link({ to, ...rest }: { to: Address } & Omit<ComponentProps<"a">, "href" | "onClick">) {
  function follow(event: MouseEvent) {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
    scrollTo(0, 0);
  }
  return <a {...rest} href={hrefOf(to)} onClick={follow} />;
}
