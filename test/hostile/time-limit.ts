/** The whole suite ends after two minutes, whatever hangs: Jest calls this once, before all files. */

const MAX_SUITE_MS = 120_000;

export default function limitTime(): void {
  const end = (): void => {
    process.stderr.write(`The hostile tests have not ended within ${MAX_SUITE_MS} ms.\n`);
    process.exit(1);
  };
  setTimeout(end, MAX_SUITE_MS).unref();
}
