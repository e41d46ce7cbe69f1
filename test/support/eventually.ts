/** A test that waits so long waits in vain, and would keep the whole run from ending. */
const PATIENCE_MS = 30_000;

/** Waits for something that sockets bring about and no event announces. Not a sleep: it looks again each turn. */
export async function eventually(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`Not so after ${PATIENCE_MS} ms: ${isTrue.toString()}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
