/** How the benchmarks wait, sum up and judge. */

export async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Says of a number whether it is what was promised; a broken promise fails the run. */
export function promised(isKept: boolean, promise: string): string {
  if (!isKept) process.exitCode = 1;
  return isKept ? promise : `${promise}: NOT KEPT`;
}
