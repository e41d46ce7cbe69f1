/** What vite puts in at build: variables that begin with `VITE_`. */
interface ImportMeta {
  readonly env: Readonly<Record<string, string | undefined>>;
}
