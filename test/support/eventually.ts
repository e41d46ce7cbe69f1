/** Waits for something that sockets bring about and no event announces. Not a sleep: it looks again each turn. */
export async function eventually(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise<void>((resolve) => setImmediate(resolve));
}
